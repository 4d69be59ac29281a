package inside

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes of an ERSPAN device, and the flags of GRE that its two types with a session have to have
// (linux include/uapi/linux/if_tunnel.h).
const (
	erspanVersion = 22
	greKeyAndSeq  = 0x2000 | 0x1000
)

// addERSPAN makes a device for ERSPAN of type II or III, which the netlink library does not know.
func (t Tunnel) addERSPAN() error {
	kind, local, remote := "erspan", t.Local.AsSlice(), t.Remote.AsSlice()
	if t.Local.Is6() {
		kind = "ip6erspan"
	}
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(t.Name)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	flags, key := binary.BigEndian.AppendUint16(nil, greKeyAndSeq), binary.BigEndian.AppendUint32(nil, t.Key)
	for _, a := range []struct {
		typ   int
		value []byte
	}{
		{nl.IFLA_GRE_IFLAGS, flags}, {nl.IFLA_GRE_OFLAGS, flags}, {nl.IFLA_GRE_IKEY, key}, {nl.IFLA_GRE_OKEY, key},
		{nl.IFLA_GRE_LOCAL, local}, {nl.IFLA_GRE_REMOTE, remote}, {nl.IFLA_GRE_TTL, []byte{tunnelTTL}}, {erspanVersion, []byte{t.Version}},
	} {
		data.AddRtAttr(a.typ, a.value)
	}
	req.AddData(info)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
