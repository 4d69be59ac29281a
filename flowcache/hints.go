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
	found := r.compare(k, group, slots)
	h.rest.saw(len(group), bits.OnesCount64(found), guessPays)
	miss := group[:0]
	for left := (1<<len(group) - 1) &^ found; left != 0; left &= left - 1 {
		miss = append(miss, group[bits.TrailingZeros64(left)])
	}
	return miss
}

// compare compares the packets of group with the flows in cand, all of which live, and writes the slots of those that are of theirs. It
// returns a bit for each.
func (r *Reader) compare(k *flow.Keys, group []uint16, slots *[frame.MaxBatch]Slot) (found uint64) {
	m := r.m
	var id maskID
	var rec *mask // of id
	hits := uint64(0)
	for j, i := range group {
		s := r.cand[j]
		if s == 0 {
			continue
		}
		e := &m.entries[s]
		if rec == nil || e.mask != id {
			r.hit(id, hits)
			id, hits = e.mask, 0
			rec = m.maskOf(id)
		}
		// As flow.EqualMasked, without a call for each packet.
		b, under, want := &k.Block[flow.Base][i%frame.MaxBatch], &rec.block[flow.Base], &e.base
		d := b.Word(0)&under.Word(0) ^ want.Word(0)
		d |= b.Word(1)&under.Word(1) ^ want.Word(1)
		d |= b.Word(2)&under.Word(2) ^ want.Word(2)
		d |= b.Word(3)&under.Word(3) ^ want.Word(3)
		d |= b.Word(4)&under.Word(4) ^ want.Word(4)
		d |= b.Word(5)&under.Word(5) ^ want.Word(5)
		d |= b.Word(6)&under.Word(6) ^ want.Word(6)
		d |= b.Word(7)&under.Word(7) ^ want.Word(7)
		if d != 0 || extensions(rec.blocks) != 0 && !r.equalBlocks(k, i, rec, s) {
			continue
		}
		hits++
		found |= 1 << (j % frame.MaxBatch)
		slots[i%frame.MaxBatch] = s
	}
	r.hit(id, hits)
	return found
}

// hit counts packets found under a mask.
func (r *Reader) hit(id maskID, packets uint64) {
	if packets > 0 {
		bump1(&r.tally.hits[id], packets)
	}
}
