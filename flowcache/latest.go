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
// nobody's; see recall. Those that Expect had the extraction look for are not compared again. If there are any, the flow was there when
// the look-up began, and it stays the one for the others as well, removed meanwhile or not: packets of one key, of which some are plain
// and some are not, must not part here.
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
	if others := (1<<k.N - 1) &^ (k.Guessed | gone); others != 0 && (k.Guessed != 0 || e.gen.Load()&1 != 0) {
		rec := m.maskOf(e.mask)
		found = k.UnderBase(&rec.block[flow.Base], &e.base) & others
		for rest := extensions(rec.blocks); rest != 0; rest &= rest - 1 {
			b := bits.TrailingZeros8(rest)
			found = k.Under(b, &rec.block[b], &m.ext[b][s], found, m.lacking(rec, b, s))
		}
	}
	found |= k.Same &^ gone
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

// lacking reports whether packets without block b may be of the flow in slot s, which is under a mask that has bits of it.
func (m *Megaflow) lacking(rec *mask, b int, s Slot) bool {
	return rec.exact || flow.Equal(&m.ext[b][s], &m.none)
}

// Expect has the next extraction into k look whether packets from port are of the flow that its latest packet was of, for Latest, which then
// finds those that are without their keys. It is called for a batch whose keys nobody else needs.
func (r *Reader) Expect(k *flow.Keys, port uint32) {
	if port >= maxPorts {
		return
	}
	l, m := &r.latest[port], r.m
	s := l.slot
	if s == 0 || l.rest.resting {
		return
	}
	e := &m.entries[s]
	if e.gen.Load()&1 == 0 {
		return
	}
	rec := m.maskOf(e.mask)
	g := flow.Guess{Mask: &rec.block[flow.Base], Want: &e.base, Tunnel: true}
	for rest := extensions(rec.blocks); rest != 0; rest &= rest - 1 {
		b := bits.TrailingZeros8(rest)
		if !m.lacking(rec, b, s) {
			return // such packets are not plain
		}
		g.Tunnel = g.Tunnel && b < flow.Tunnel
	}
	k.Expect(g)
}

// Meet takes note that the latest packet of port was found in slot s.
func (r *Reader) Meet(port uint32, s Slot) {
	if port < maxPorts {
		r.latest[port].slot = s
	}
}
