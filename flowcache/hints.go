package flowcache

import (
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/ring/slab"
)

// What a hint is made of.
const (
	hintWays  = 4      // hints a key may stand in: a quarter of a cache line
	hintShift = 32 - 9 // bits below: the slot; above: what a hint repeats of its key's hash
	hintSlot  = 1<<hintShift - 1
	minHints  = 1 << 14             // 64 KiB
	_         = hintSlot - MaxFlows // a hint has room for every slot
)

// Hints are where one worker found the flows of packets it has seen, by the hash of the whole key: a hit says under
// which of many masks a packet's flow stands and where, at the price of one mask. They are guesses, four bytes each. What a flow
// stands for decides, so a hint that is wrong or out of date costs a comparison and nothing else.
//
// The exact-match cache in front of it answers for a few thousand keys; this is for hundred times as many. Memory:
// two hints for each flow there is room for, touched as they come.
//
// Thread-safety: one goroutine at a time.
type hints struct {
	sets []hintSet
	mask uint64 // number of sets less 1
	rest rest
}

// A hintSet is the hints of keys with equal lower bits of the hash, the latest first.
type hintSet [hintWays]uint32

// newHints returns hints for flows flows that live as long as owner.
func newHints[O any](owner *O, flows int) hints {
	n := max(minHints, 2<<bits.Len(uint(flows-1))) / hintWays
	return hints{sets: slab.New[hintSet](owner, n), mask: uint64(n - 1)}
}

// of returns the slot that a key with this hash may be of, or 0. Written so that it takes no branch: which way it
// is cannot be foretold.
func (h *hints) of(hash uint64) Slot {
	set := &h.sets[hash&h.mask]
	want := uint32(hash >> (32 + hintShift)) // the bits above those that name the set
	found := uint32(0)
	for _, v := range set {
		if v>>hintShift == want {
			found = v
		}
	}
	return Slot(found & hintSlot)
}

// put notes that the key with this hash is of the flow in slot s. The oldest hint of the set goes.
func (h *hints) put(hash uint64, s Slot) {
	set := &h.sets[hash&h.mask]
	copy(set[1:], set[:hintWays-1])
	set[0] = uint32(hash>>(32+hintShift))<<hintShift | uint32(s)
}

// recall looks group, packets of one port, up by hints and returns, in the same memory, those whose flow it did not find.
//
// A slot may be another flow's by now, or nobody's, so its generation comes first: while that is odd a flow is in
// the slot and stays as it is until this worker's next tick, whichever flow it is.
func (r *Reader) recall(k *flow.Keys, group []uint16, slots *[frame.MaxBatch]Slot) []uint16 {
	h, m := &r.hints, r.m
	if h.rest.skip() {
		return group
	}
	for j, i := range group {
		r.cand[j] = h.of(k.Hash[i])
	}
	touched := byte(0)
	for j := range group {
		e := &m.entries[r.cand[j]]
		if e.gen.Load()&1 == 0 {
			r.cand[j] = 0
			continue
		}
		touched ^= e.base[0] ^ byte(r.tally.rows[r.cand[j]][rowPackets]) // the row is for Credit
	}
	r.touched = touched
	miss := group[:0]
	id, hits := maskID(0), uint64(0)
	for j, i := range group {
		s := r.cand[j]
		if s == 0 {
			miss = append(miss, i)
			continue
		}
		e := &m.entries[s]
		rec := m.maskOf(e.mask)
		if !flow.EqualMasked(&k.Block[flow.Base][i], &rec.block[flow.Base], &e.base) || !r.equalExtensions(k, i, rec, s) {
			miss = append(miss, i)
			continue
		}
		if e.mask != id {
			r.hit(id, hits)
			id, hits = e.mask, 0
		}
		hits++
		slots[i] = s
	}
	r.hit(id, hits)
	h.rest.saw(len(group), len(group)-len(miss))
	return miss
}

// hit counts packets found under a mask.
func (r *Reader) hit(id maskID, packets uint64) {
	if packets > 0 {
		bump1(&r.tally.hits[id], packets)
	}
}
