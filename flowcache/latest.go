package flowcache

import (
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

var _ = [1]struct{}{}[flow.Version-3]

// A latest is the flow that the last packet of one port was found in by one worker. What comes next is often of the same
// one: a transfer's packets, or, where rules look at little, those of a hundred thousand connections. That flow stays in the
// processor's first-level cache, so that asking it first costs less than any look-up, of which each packet needs lines of its own.
//
// It is a guess, as a hint is. Where packets are of other flows it rests.
type latest struct {
	slot Slot // 0: none yet
	rest rest
}

// Latest finds those packets of a batch, all of it from port, that are of the flow that the port's latest packet was of. It writes
// their slots, and returns a bit for each. Packets with a bit in gone are left out.
//
// No two flows are for the same packet, so it does not matter which is asked first. The slot may be another flow's by now, or
// nobody's; see recall.
func (r *Reader) Latest(k *flow.Keys, port uint32, gone uint64, slots *[frame.MaxBatch]Slot) (found uint64) {
	if port >= maxPorts {
		return 0
	}
	l, m := &r.latest[port], r.m
	s := l.slot
	if s == 0 || l.rest.skip() {
		return 0
	}
	e := &m.entries[s]
	if e.gen.Load()&1 != 0 {
		rec := m.maskOf(e.mask)
		found = k.UnderBase(&rec.block[flow.Base], &e.base) &^ gone
		for rest := extensions(rec.blocks); rest != 0; rest &= rest - 1 {
			b := bits.TrailingZeros8(rest)
			want := &m.ext[b][s]
			found = k.Under(b, &rec.block[b], want, found, rec.exact || flow.Equal(want, &m.none))
		}
	}
	n := bits.OnesCount64(found)
	l.rest.saw(k.N, n, guessPays)
	if n == 0 {
		return 0
	}
	for left := found; left != 0; left &= left - 1 {
		slots[bits.TrailingZeros64(left)] = s
	}
	r.hit(e.mask, uint64(n))
	p := &r.tally.ports[port]
	bump1(&p.packets, uint64(n))
	bump1(&p.masks, uint64(n))
	return found
}

// Meet takes note that the latest packet of port was found in slot s.
func (r *Reader) Meet(port uint32, s Slot) {
	if port < maxPorts {
		r.latest[port].slot = s
	}
}
