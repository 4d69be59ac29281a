package tunnel

import (
	"net/netip"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/culvertdev/culvert/encap/wire"
)

// A Router knows the ways through the underlay; underlay.Stack is one.
//
// Thread-safety: safe for concurrent use.
type Router interface {
	// Route returns the way to dst of packets with a mark, from src if that is valid. Of several equal ones hash chooses.
	// Way.Tag is set whatever the status: a bit for what makes another answer when it changes (rules.TunnelUser).
	Route(dst, src netip.Addr, mark uint32, hash uint64) (underlay.Way, underlay.Status)
	// Exits returns the ways out of the underlay's interfaces, wherever they lead: one for each family that an interface
	// which is up has an address of, without DstMAC.
	Exits() []underlay.Way
}

// outerRoom returns how many bytes of an outer packet are left for the inner frame, its Ethernet header included: at
// least 1, and 0 if nobody knows how many there are.
func outerRoom(o *encap.Outer, w *underlay.Way) int {
	if w.MTU == 0 {
		return 0
	}
	link := wire.EthernetSize
	if o.VLAN != 0 {
		link += wire.VLANTagSize
	}
	return max(1, w.MTU-(o.Size()-link))
}

// innerMTU returns the bytes of the largest layer-3 packet in an untagged Ethernet frame that goes a way in one piece; 0 if
// nobody knows. Options of GENEVE, which each packet may have others of, leave it less.
func (c *Config) innerMTU(w *underlay.Way) int {
	o := encap.Outer{
		Type: c.Type, Src: w.Src, VLAN: w.VLAN, Checksum: c.Checksum, Sequence: c.Sequence, HasKey: c.OutKey.From != Any,
		ERSPAN: encap.Span{Version: uint8(c.ERSPAN.Version.Value)},
	}
	if c.ERSPAN.Version.Flow {
		o.ERSPAN.Version = 2 // has the largest header
	}
	return max(0, outerRoom(&o, w)-wire.EthernetSize)
}

// leastMTU is the same for the narrowest of the ways that packets may go.
func (c *Config) leastMTU(exits []underlay.Way) (least int) {
	for i := range exits {
		w := &exits[i]
		if c.Local.From == Fixed && c.Local.Addr.Is4() != w.Src.Is4() {
			continue
		}
		if n := c.innerMTU(w); n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// hashOf chooses among equal ways: one for each end and key.
func hashOf(dst netip.Addr, key uint32) uint64 {
	h := uint64(key) * 0x9e3779b97f4a7c15
	for _, b := range dst.As16() {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return h ^ h>>32
}
