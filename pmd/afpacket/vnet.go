package afpacket

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// vnetSize is the size of struct virtio_net_hdr (linux include/uapi/linux/virtio_net.h), which comes
// before each packet, in the machine's byte order.
const vnetSize = 10 // bytes

// offload reads a virtio-net header. ok is false when the packet, of size bytes as the header knows
// it, has no room for the checksum it asks for. need is false when the packet is complete as it is.
func offload(h *[vnetSize]byte, size int) (o frame.Offload, need, ok bool) {
	o.GSO = frame.GSOType(h[1])
	if h[0]&uint8(frame.NeedsCsum) != 0 {
		o.Csum = frame.NeedsCsum
		o.CsumStart = binary.NativeEndian.Uint16(h[6:])
		o.CsumOffset = binary.NativeEndian.Uint16(h[8:])
		if int(o.CsumStart)+int(o.CsumOffset)+2 > size {
			return o, false, false
		}
	}
	if o.GSO != frame.GSONone {
		o.HeaderLen = binary.NativeEndian.Uint16(h[2:])
		o.GSOSize = binary.NativeEndian.Uint16(h[4:])
	}
	return o, o.Csum != 0 || o.GSO != frame.GSONone, true
}

// putOffload writes the header of a packet that leaves o to whoever sends it.
func putOffload(h *[vnetSize]byte, o *frame.Offload) {
	h[0], h[1] = uint8(o.Csum&frame.NeedsCsum), uint8(o.GSO)
	if o.GSO != frame.GSONone {
		binary.NativeEndian.PutUint16(h[2:], o.HeaderLen)
		binary.NativeEndian.PutUint16(h[4:], o.GSOSize)
	}
	if o.Csum&frame.NeedsCsum != 0 {
		binary.NativeEndian.PutUint16(h[6:], o.CsumStart)
		binary.NativeEndian.PutUint16(h[8:], o.CsumOffset)
	}
}

// takes is what the kernel finishes, whatever the device can do: what that cannot the kernel does itself. UDP datagrams as
// one packet it knows by this header since Linux 6.2 (VIRTIO_NET_HDR_GSO_UDP_L4); release is what uname(2) says.
func takes(release string) pmd.Take {
	t := pmd.TakeCsum | pmd.TakeTSO4 | pmd.TakeTSO6 | pmd.TakeECN
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n == 2 && (major > 6 || major == 6 && minor >= 2) {
		t |= pmd.TakeUSO
	}
	return t
}

// release returns the kernel's; empty when it does not say.
func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// The one ancillary message that PACKET_AUXDATA asks for:
//
//	| length 8 | level 4 | type 4 | struct tpacket_auxdata 20 | padding 4 |
const (
	auxStatus  = unix.SizeofCmsghdr + 0
	auxTCI     = unix.SizeofCmsghdr + 16
	auxTPID    = unix.SizeofCmsghdr + 18
	auxSize    = unix.SizeofCmsghdr + 20
	auxRoom    = unix.SizeofCmsghdr + 24
	cmsgLevel  = unix.SizeofCmsghdr - 8
	cmsgType   = unix.SizeofCmsghdr - 4
	defaultTag = unix.ETH_P_8021Q
)

// tag returns the VLAN tag that the kernel took out of a packet, as its four bytes are to stand in the
// packet; ok is false when it took none.
func tag(control []byte) (t uint32, ok bool) {
	if len(control) < auxSize ||
		binary.NativeEndian.Uint32(control[cmsgLevel:]) != unix.SOL_PACKET ||
		binary.NativeEndian.Uint32(control[cmsgType:]) != unix.PACKET_AUXDATA {
		return 0, false
	}
	status := binary.NativeEndian.Uint32(control[auxStatus:])
	if status&unix.TP_STATUS_VLAN_VALID == 0 {
		return 0, false
	}
	tpid := uint16(defaultTag)
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = binary.NativeEndian.Uint16(control[auxTPID:])
	}
	return uint32(tpid)<<16 | uint32(binary.NativeEndian.Uint16(control[auxTCI:])), true
}

// putTag puts a tag behind the addresses of f, whose offload, if it has one, moves with it. The headroom
// of a frame just received always suffices.
func putTag(p *frame.Pool, f *frame.Frame, t uint32, o *frame.Offload) {
	p.Prepend(f, vlanTag)
	b := p.Bytes(*f)
	copy(b, b[vlanTag:vlanTag+addrs])
	binary.BigEndian.PutUint32(b[addrs:], t)
	if o.Csum != 0 {
		o.CsumStart += vlanTag
	}
	if o.GSO != frame.GSONone {
		o.HeaderLen += vlanTag
	}
}
