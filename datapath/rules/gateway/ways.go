package gateway

import (
	"net/netip"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// maxWays is how many routers a route may lead by.
const maxWays = 16

// hashedID is the recirculation id that packets come back under with a hash of their ends, to be shared out.
const hashedID = flow.RecircHashed | 1

// hashSlots is how many values of the hash are told apart: a verdict rests on that many bits of it, and the shares of
// two ways differ by some three parts in a hundred.
const hashSlots = 1 << 10

// A way is the next host on a packet's way, and the segment it is in.
type way struct {
	seg  *segment
	addr netip.Addr
}

// byWay sends the packet by one of some ways, if they take one of its length.
func (l *look) byWay(ways []way, v6 bool) {
	switch {
	case !l.fits(v6, ways):
	case len(ways) > 1:
		l.byOne(ways, v6)
	default:
		l.forward(ways[0].seg.host(ways[0].addr), ways[0].seg, v6)
	}
}

// byOne sends the packet by one of several routers that are as good as each other. All packets of a connection in one
// direction take the same, by a hash of addresses, protocol and ports that workers compute; when a router fails, what
// went by it is shared out among the others, and all else stays.
func (l *look) byOne(ways []way, v6 bool) {
	if l.q.Key.Uint(flow.FieldRecircID) != hashedID {
		l.v.Trail = l.v.Trail[:0] // what took part is credited once, when the packet comes back
		l.v.Actions.Hash(action.HashL4, 0)
		l.v.Actions.Recirc(hashedID)
		l.trace("route: %d ways, to choose by hash", len(ways))
		return
	}
	l.v.Mask.SetBits(flow.FieldDPHash, hashSlots-1)
	w := l.choose(ways, l.q.Key.Uint(flow.FieldDPHash)&(hashSlots-1))
	l.forward(w.seg.host(w.addr), w.seg, v6)
}

// choose returns the way with the highest weight for a slot (Thaler and Ravishankar, 1996) among those whose routers
// answer; while none does, among those that are not known not to.
func (l *look) choose(ways []way, slot uint64) *way {
	var best *way
	bestRank, bestWeight := 0, uint64(0)
	for i := range ways {
		w := &ways[i]
		h := w.seg.host(w.addr)
		l.v.Tags |= l.t.hostTag(h)
		l.use(h)
		_, state := l.t.neighbours.Find(h)
		if state == neighbour.Unknown && l.q.Live && l.t.neighbours.Want(h, nil, l.q.Now) {
			l.t.ask(h)
		}
		rank := 1
		switch state {
		case neighbour.Answered, neighbour.Fixed:
			rank = 2
		case neighbour.Failed:
			rank = 0
		}
		weight := neighbour.Weight(w.addr, slot)
		if best == nil || rank > bestRank || rank == bestRank && weight > bestWeight {
			best, bestRank, bestWeight = w, rank, weight
		}
	}
	return best
}
