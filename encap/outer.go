package encap

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
)

// An Outer is all that the outer headers of a packet say, except for what depends on the packet: lengths, checksums,
// the source port, the identification, sequence numbers and what is inherited from the inner packet.
//
// The ECN bits are always taken over from the inner IP packet, as they are (RFC 6040 section 4.1, normal mode); in
// front of other packets they are 0.
type Outer struct {
	Type     Type
	SrcMAC   [6]byte
	DstMAC   [6]byte // the next hop's
	VLAN     uint16  // TCI of an 802.1Q tag; 0: no tag
	Src, Dst netip.Addr
	TOS      uint8 // DSCP in the upper 6 bits; the lower 2 are 0
	TTL      uint8
	// Inherit takes DSCP or TTL over from the inner packet, if that is IPv4 or IPv6; other packets have TOS and TTL.
	InheritTOS, InheritTTL bool
	DontFragment           bool   // IPv4; else each packet has an identification of its own
	Label                  uint32 // flow label of an IPv6 header, 20 bits; 0: with GRE made from the hash of each packet, else none
	SrcPort                uint16 // UDP; 0: made from the hash of each packet
	DstPort                uint16 // UDP; 0: that of the type
	Checksum               bool   // a UDP checksum; else it is 0. A GRE checksum; else there is none.

	Key    uint32 // VNI, GRE key, VSID or ERSPAN session
	HasKey bool   // GRE: the header has a key; other types always have one
	// Sequence is for GRE: packets are numbered. Counter is the number of the counter in Counters that GRE and ERSPAN
	// take their numbers from.
	Sequence bool
	Counter  uint16

	GPE     bool // VXLAN: the header says that an Ethernet frame follows
	HasGBP  bool // VXLAN: there is a group policy
	GBP     GBP
	OAM     bool   // GENEVE: a control packet
	Options []byte // GENEVE: options as they are on the wire, at most MaxOptions bytes
	ERSPAN  Span
}

// MaxStack is the size of the largest header stack: Ethernet, a VLAN tag, IPv6, UDP and GENEVE with all options.
const MaxStack = wire.EthernetSize + wire.VLANTagSize + wire.IPv6Size + wire.UDPSize + geneveSize + MaxOptions // bytes

// Largest values of fields that are narrower than their Go type.
const (
	maxLabel = 1<<20 - 1
	ecnMask  = 0x03
)

// Check says what is wrong with o; nil if AppendStack takes it.
func (o *Outer) Check() error {
	if o.Type == NoType || o.Type >= NumTypes {
		return fmt.Errorf("tunnel %s: there is no such type", o.Type)
	}
	k := &kinds[o.Type]
	switch {
	case !o.Src.IsValid() || !o.Dst.IsValid() || o.Src.Is4() != o.Dst.Is4() || o.Src.Is4In6() || o.Dst.Is4In6():
		return fmt.Errorf("tunnel from %s to %s: want two IPv4 or two IPv6 addresses", o.Src, o.Dst)
	case o.VLAN&^0xefff != 0:
		return errors.New("underlay VLAN: want priority and identifier only")
	case o.TOS&ecnMask != 0:
		return fmt.Errorf("type of service %#x: want the lower two bits 0", o.TOS)
	case o.TTL == 0:
		return errors.New("TTL 0: want 1 to 255")
	case o.Label > maxLabel:
		return fmt.Errorf("flow label %#x: want at most %#x", o.Label, maxLabel)
	case o.Label != 0 && o.Src.Is4():
		return errors.New("flow label: IPv4 has none")
	case o.Key > k.keys:
		return fmt.Errorf("key %d: want at most %d", o.Key, k.keys)
	case !o.Type.UDP() && (o.SrcPort != 0 || o.DstPort != 0):
		return fmt.Errorf("ports: %s has none", o.Type)
	case o.Checksum && !o.Type.Checksums():
		return fmt.Errorf("checksum: %s has none", o.Type)
	case o.Sequence && !o.Type.Numbers():
		return fmt.Errorf("sequence numbers: %s has none of its own", o.Type)
	case o.Counter >= NumCounters:
		return fmt.Errorf("counter %d: want less than %d", o.Counter, NumCounters)
	case o.OAM && o.Type != Geneve, len(o.Options) > 0 && o.Type != Geneve:
		return fmt.Errorf("options: %s has none", o.Type)
	case (o.GPE || o.HasGBP) && o.Type != VXLAN:
		return fmt.Errorf("extensions: %s has none", o.Type)
	case o.ERSPAN != (Span{}) && o.Type != ERSPAN:
		return fmt.Errorf("ERSPAN fields: %s has none", o.Type)
	}
	if k.check == nil {
		return nil
	}
	return k.check(o)
}

// Size returns how many bytes the header stack has: by so much is a packet longer in the tunnel.
func (o *Outer) Size() int {
	n := wire.EthernetSize + wire.IPv4Size
	if o.VLAN != 0 {
		n += wire.VLANTagSize
	}
	if !o.Src.Is4() {
		n += wire.IPv6Size - wire.IPv4Size
	}
	if o.Type.UDP() {
		n += wire.UDPSize
	}
	return n + kinds[o.Type].size(o)
}
