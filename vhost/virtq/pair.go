package virtq

import (
	"github.com/culvertdev/culvert/vhost/mem"
	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A header and a packet, in two buffers, are what most drivers make of a packet that is not one buffer. Such chains
// have a short way through the checks; what does not pass here goes the long way, which says what is wrong with it.

// two appends a chain of two descriptors in one region of memory to b. It returns false, and has done nothing, when
// the chain is not so simple.
func (b *Chains) two(area mem.Area, x, y layout.Desc, xWrite, yWrite bool, id, slots uint16) bool {
	if x.Len() == 0 || y.Len() == 0 || xWrite && !yWrite || x.Len() > 1<<31 || y.Len() > 1<<31-1 ||
		!area.Has(x.Addr, x.Len()) || !area.Has(y.Addr, y.Len()) || b.segs > MaxSegments-2 {
		return false
	}
	at := b.segs
	b.seg[at] = area.Bytes(x.Addr, x.Len())
	b.seg[at+1] = area.Bytes(y.Addr, y.Len())
	split := at
	if !xWrite {
		split++
	}
	if !yWrite {
		split++
	}
	b.chain[b.n].set(id, slots, id, at, split, at+2)
	b.segs += 2
	b.n++
	return true
}

// twoOf returns the descriptors of an indirect table of two; false when d refers to something else.
func twoOf(area mem.Area, d layout.Desc) (x, y layout.Desc, ok bool) {
	const size = 2 * layout.DescBytes
	if d.Len() != size || !area.Has(d.Addr, size) {
		return x, y, false
	}
	table := (*[size]byte)(area.Bytes(d.Addr, size))
	return layout.Decode((*[layout.DescBytes]byte)(table[:])), layout.Decode((*[layout.DescBytes]byte)(table[layout.DescBytes:])), true
}

// pair takes the chain that begins with d, the descriptor head, if it has two descriptors.
func (q *Split) pair(b *Chains, head uint16, d layout.Desc) bool {
	area := q.win.Area()
	switch d.SplitFlags() &^ layout.FlagWrite {
	case layout.FlagNext:
		next := d.SplitNext()
		if int(next) >= len(q.desc) {
			return false
		}
		y := q.desc[next]
		return y.SplitFlags()&^layout.FlagWrite == 0 &&
			b.two(area, d, y, d.SplitFlags()&layout.FlagWrite != 0, y.SplitFlags()&layout.FlagWrite != 0, head, 1)
	case layout.FlagIndirect:
		x, y, ok := twoOf(area, d)
		return ok && q.indirect && x.SplitFlags()&^layout.FlagWrite == layout.FlagNext && x.SplitNext() == 1 &&
			y.SplitFlags()&^layout.FlagWrite == 0 &&
			b.two(area, x, y, x.SplitFlags()&layout.FlagWrite != 0, y.SplitFlags()&layout.FlagWrite != 0, head, 1)
	}
	return false
}

// pair takes the chain that begins with d at next, of at most most descriptors, if it has two, and returns how many
// of the ring's they are.
func (q *Packed) pair(b *Chains, d layout.Desc, most uint32) (slots uint32) {
	area, flight := q.win.Area(), q.flight
	if flight != nil && !flight.has(d.PackedFlags()&layout.FlagNext != 0) {
		return 0
	}
	switch d.PackedFlags() & (layout.FlagNext | layout.FlagIndirect) {
	case layout.FlagNext:
		at := q.next.Plus(1, q.size)
		y := layout.Desc{Rest: q.guard[at.At].Rest.Load()}
		if most < 2 || y.PackedFlags()&(layout.PhaseMask|layout.FlagNext|layout.FlagIndirect) != at.Phase || uint32(y.PackedID()) >= q.size {
			return 0
		}
		y.Addr = q.desc[at.At].Addr
		if b.two(area, d, y, d.PackedFlags()&layout.FlagWrite != 0, y.PackedFlags()&layout.FlagWrite != 0, y.PackedID(), 2) {
			if flight != nil {
				b.chain[b.n-1].enter(flight.two(d, y))
			}
			return 2
		}
	case layout.FlagIndirect:
		x, y, ok := twoOf(area, d)
		if ok && q.indirect && uint32(d.PackedID()) < q.size &&
			b.two(area, x, y, !q.reads && x.PackedFlags()&layout.FlagWrite != 0, !q.reads && y.PackedFlags()&layout.FlagWrite != 0, d.PackedID(), 1) {
			if flight != nil {
				b.chain[b.n-1].enter(flight.at)
				flight.at = flight.one(flight.at, d)
			}
			return 1
		}
	}
	return 0
}
