package flowcache

import (
	"cmp"
	"slices"

	"github.com/culvertdev/culvert/flowcache/flow"
)

const (
	// wantCells is how many masks that a port's flows ask for in vain are counted at a time.
	wantCells = 1024
	// wantLeast is how many new flows must have asked for a mask, and then twice as many as there were packets
	// under the one that is to go, before it goes: crafted packets ask for thousands of masks, few times each.
	wantLeast = 16
	// maxPromises is the most masks of a port that are replaced at a time.
	maxPromises = 8
	// promiseTicks is how many calls of SortMasks a promise lasts: flows of the mask that goes are removed by a
	// walk between two of them.
	promiseTicks = 4
	// maxWatched is the most ports whose wants are counted at a time, 20 KiB each.
	maxWatched = 256
)

// wants are the masks that a port's new flows asked for while the port had as many as it may, since the last
// SortMasks. In each cell the mask that makes up most of what falls into it wins (Boyer and Moore's majority
// vote), so a mask that many flows need comes through thousands that one flow each needs.
type wants struct {
	cells     [wantCells]wantCell
	best      [maxPromises]candidate // masks asked for often, in no order
	promises  [maxPromises]promise
	asked     int
	unclaimed int // promises that are not used yet
}

// A wantCell counts one mask, by its hash.
type wantCell struct {
	hash  uint64
	count uint32
}

// A candidate is a mask that was asked for wantLeast times.
type candidate struct {
	hash  uint64
	count uint32
}

// A promise keeps a place for a mask, which it names by hash, while ticks is not 0.
type promise struct {
	hash  uint64
	ticks int
}

// hasPlace reports whether a port that has n masks may have want as another one.
func (m *Megaflow) hasPlace(port uint32, n int, want *flow.Mask) bool {
	limit := m.maskLimit(port)
	w := m.wants[port]
	if w == nil {
		if n < limit {
			return true
		}
		if len(m.wants) == maxWatched {
			return false
		}
		w = new(wants)
		m.wants[port] = w
	}
	h := m.wantHash(want)
	if n < limit && (w.claim(h) || n+w.unclaimed < limit) {
		return true
	}
	w.note(h)
	return false
}

// wantHash returns the hash of a mask. It is keyed: which masks flows ask for is up to packets.
func (m *Megaflow) wantHash(want *flow.Mask) uint64 {
	h := m.seed[3]
	for b := range flow.FastBlocks {
		h = flow.HashBlock(h, &want[b], &m.seed)
	}
	return h
}

// claim takes the place that is kept for a mask, if there is one.
func (w *wants) claim(hash uint64) bool {
	for i := range w.promises {
		if p := &w.promises[i]; p.ticks > 0 && p.hash == hash {
			*p = promise{}
			w.unclaimed--
			return true
		}
	}
	return false
}

// note counts a flow that asked for a mask.
func (w *wants) note(hash uint64) {
	w.asked++
	c := &w.cells[hash%wantCells]
	switch {
	case c.hash == hash:
		c.count++
	case c.count > 0:
		c.count--
		return
	default:
		*c = wantCell{hash: hash, count: 1}
	}
	if c.count >= wantLeast {
		w.stand(hash, c.count)
	}
}

// stand makes a mask a candidate, or says how often it was asked for by now.
func (w *wants) stand(hash uint64, count uint32) {
	least := &w.best[0]
	for i := range w.best {
		c := &w.best[i]
		if c.hash == hash {
			c.count = count
			return
		}
		if c.count < least.count {
			least = c
		}
	}
	if count > least.count {
		*least = candidate{hash: hash, count: count}
	}
}

// replaceMasks marks masks that are to go because others of their port are asked for more, and keeps
// their places for these. Ports that no longer want for masks are forgotten.
func (m *Megaflow) replaceMasks() {
	for port, w := range m.wants {
		w.age()
		m.replaceOf(port, w)
		if w.asked == 0 && w.unclaimed == 0 {
			delete(m.wants, port)
			continue
		}
		w.cells, w.best, w.asked = [wantCells]wantCell{}, [maxPromises]candidate{}, 0
	}
}

// age lets promises lapse that nobody has claimed.
func (w *wants) age() {
	for i := range w.promises {
		if p := &w.promises[i]; p.ticks > 0 {
			if p.ticks--; p.ticks == 0 {
				w.unclaimed--
			}
		}
	}
}

// replaceOf is replaceMasks for one port.
func (m *Megaflow) replaceOf(port uint32, w *wants) {
	slices.SortFunc(w.best[:], func(a, b candidate) int { return cmp.Compare(b.count, a.count) })
	masks := m.portMasks(port)
	last := len(masks) - 1 // the least used are last
	for i := range w.best {
		c := &w.best[i]
		for last >= 0 && (masks[last] < firstMask || m.maskInfo[masks[last]].leaves) {
			last--
		}
		if c.count == 0 || last < 0 || uint64(c.count) <= 2*m.maskInfo[masks[last]].recent || !w.promise(c.hash) {
			return
		}
		m.maskInfo[masks[last]].leaves = true
		m.counters.Add(counterReplaced, 1)
	}
	m.counters.Publish()
}

// promise keeps a place for a mask and reports whether that was possible.
func (w *wants) promise(hash uint64) bool {
	i := slices.IndexFunc(w.promises[:], func(p promise) bool { return p.ticks == 0 })
	if i < 0 {
		return false
	}
	w.promises[i] = promise{hash: hash, ticks: promiseTicks}
	w.unclaimed++
	return true
}
