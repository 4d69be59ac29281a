package flowcache

import (
	"math/bits"
	"time"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// scarceFor is how long a port counts as short of room after it was: room that comes back after a walk over the
// cache is not for the next flows of one packet each.
const scarceFor = int64(time.Second)

// Defers reports whether the flow had better not be entered now: its port is short of room (Pressed), or was within
// a second before f.Now, and nobody has asked about the flow lately. Flows that have a second packet are entered
// then; a scan, of which each packet is another flow, comes and goes without a trace, and at no cost of
// insertion and removal. It is what Einziger, Friedman and Manes call a doorkeeper (TinyLFU, ACM ToS 13(4), 2017).
func (m *Megaflow) Defers(f *Flow) bool {
	port := portOf(&f.Key[flow.Base])
	if port >= maxPorts || !m.scarce(port, f.Now) {
		return false
	}
	alwaysCount(&f.Mask)
	v := m.viewKey(&f.Key)
	h := m.seed[2]
	for rest := m.blocksOf(port, &f.Mask); rest != 0; rest &= rest - 1 {
		b := bits.TrailingZeros8(rest)
		h = flow.HashMaskedBlock(h, v.block[b], &f.Mask[b], &m.seed)
	}
	if m.sighted.again(h) {
		return false
	}
	m.shares.of[port].deferred.Add(1)
	return true
}

// blocksOf returns which blocks of a mask that a flow of port wants have bits and take part in the caches.
func (m *Megaflow) blocksOf(port uint32, want *flow.Mask) uint8 {
	if id := m.usualMask(port, want); id != 0 {
		return m.maskOf(id).blocks
	}
	return uint8(want.Blocks())
}

// scarce reports whether a port is short of room, or was a moment ago.
func (m *Megaflow) scarce(port uint32, now int64) bool {
	p := &m.shares.of[port]
	if m.Pressed(port) {
		p.scarce = now + scarceFor
	}
	return now < p.scarce
}

// sightings are the flows that were asked about lately, by hash: in each place the latest of those that fall into
// it. So it forgets by itself, and a flow that is taken for another is one that is entered.
type sightings []uint32

// again reports whether a flow was seen before, and remembers it.
func (s sightings) again(h uint64) bool {
	at, mark := &s[h&uint64(len(s)-1)], uint32(h>>32)
	if *at == mark {
		return true
	}
	*at = mark
	return false
}
