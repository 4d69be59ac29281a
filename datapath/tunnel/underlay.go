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

// hashOf chooses among equal ways: one for each end and key.
func hashOf(dst netip.Addr, key uint32) uint64 {
	h := uint64(key) * 0x9e3779b97f4a7c15
	for _, b := range dst.As16() {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return h ^ h>>32
}
