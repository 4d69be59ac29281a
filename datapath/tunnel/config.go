package tunnel

import (
	"net/netip"

	"github.com/culvertdev/culvert/encap"
)

// A Config is what a port's options say of its tunnel (ovs-vswitchd.conf.db(5), Interface, "Tunnel Options").
type Config struct {
	Type    encap.Type
	Remote  End // where packets go, and where they must come from
	Local   End // the other way round
	InKey   Key // what packets that come in have to have
	OutKey  Key // what those that go out get
	DstPort uint16
	TOS     Inherited // the upper six bits of the byte; the lower two, ECN, are always those of RFC 6040
	TTL     Inherited // 1 to 255
	// DontFragment: routers on the way do not cut the outer packets (IPv4).
	DontFragment bool
	Checksum     bool // UDP's or GRE's, over IPv4
	Checksum6    bool // the same over IPv6
	Sequence     bool // GRE: packets are numbered
	GroupPolicy  bool // VXLAN: the extension gbp
	Generic      bool // VXLAN: the extension gpe
	ERSPAN       ERSPANFields
	// Mark, if HasMark is set, is the pkt_mark of outer packets, by which their way is found; otherwise it is the flow's.
	Mark    uint32
	HasMark bool
	TooLong TooLong
	Profile string // Remote.From == Lookup: who is asked where packets go
}

// ByFlow returns an option that leaves something about packets that go out to their tunnel fields, "" if none does.
func (c *Config) ByFlow() string {
	e := &c.ERSPAN
	switch {
	case c.Remote.From == Flow:
		return "remote_ip"
	case c.Local.From == Flow:
		return "local_ip"
	case c.OutKey.From == Flow:
		return "out_key"
	case e.Version.Flow:
		return "erspan_ver"
	case e.Index.Flow:
		return "erspan_idx"
	case e.Direction.Flow:
		return "erspan_dir"
	case e.Hardware.Flow:
		return "erspan_hwid"
	}
	return ""
}

// An End is an address of a tunnel.
type End struct {
	From Source
	Addr netip.Addr // From == Fixed
}

// A Source says where something about a packet comes from.
type Source uint8

// Sources.
const (
	Any    Source = iota // nobody says: any address, no key
	Fixed                // the port's options
	Flow                 // the packet's tunnel fields, which rules may set
	Lookup               // whoever knows where the packet's destination is: see Config.Profile
)

// A Key is a tunnel's number: a VNI, a VSID, a key, a session.
type Key struct {
	From Source // Any, Fixed or Flow
	ID   uint32 // From == Fixed
}

// Inherited is a field of the outer IP header that may be taken from the inner one, where that is IP.
type Inherited struct {
	Inherit bool
	Value   uint8 // otherwise
}

// ERSPANFields are the fields of an ERSPAN header, each fixed or by flow.
type ERSPANFields struct {
	Version, Index, Direction, Hardware Field
}

// A Field is a number that options or the flow say.
type Field struct {
	Flow  bool
	Value uint32
}

// TooLong says what becomes of a packet that is too long for a tunnel.
type TooLong uint8

// What becomes of it.
const (
	TellSender TooLong = iota // its sender is told by ICMP, as a router does
	Fragment                  // the outer packet is sent in fragments
	Drop
)
