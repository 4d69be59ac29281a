package flowcache

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// A Flow is what the writer enters into the cache, and reads back.
type Flow struct {
	Key     flow.Key  // a key the flow is for, as flow.Keys gives it: blocks it does not name count as zero
	Mask    flow.Mask // bits of Key that count. Blocks from flow.FastBlocks on take no part
	Actions ListID    // program to run over the flow's packets
	Trail   ListID    // what took part in the verdict
	Tags    uint64    // kept for the caller
	Rewrote uint64    // kept for the caller
	Version uint32    // kept for the caller; workers see it with Actions
	Now     int64     // ns: Stats.LastUsed until a packet comes
}

// portOf returns the input port of a key.
func portOf(base *flow.Block) uint32 { return binary.BigEndian.Uint32(base[flow.OffInPort:]) }

// alwaysCount makes the input port and the recirculation id, side by side, count.
func alwaysCount(m *flow.Mask) { binary.BigEndian.PutUint64(m[flow.Base][flow.OffInPort:], ^uint64(0)) }

// Find returns the flow that a packet with this key would hit.
func (m *Megaflow) Find(key *flow.Key) (Slot, bool) {
	v := m.viewKey(key)
	for _, id := range m.portMasks(portOf(&key[flow.Base])) {
		if s := m.find(&v, id, m.hash(&v, m.maskOf(id))); s != 0 {
			return s, true
		}
	}
	return 0, false
}

// Insert enters a flow and takes over the references to its lists. Input port and recirculation id
// count whatever f.Mask says, to which it adds them; a port with as many masks as it may have gets the flow
// under a mask with more bits than f.Mask has: Flow tells which.
//
// Errors: ErrFull, ErrShare, ErrBucket, ErrPort, ErrExists (with the slot of the flow that is there). The
// references then stay with the caller.
func (m *Megaflow) Insert(f *Flow) (Slot, error) {
	s, err := m.insert(f)
	switch err {
	case nil:
		m.counters.Add(counterInserted, 1)
	case ErrFull:
		m.counters.Add(counterFull, 1)
	case ErrBucket:
		m.counters.Add(counterBucket, 1)
	case ErrShare:
		m.counters.Add(counterShare, 1)
		m.shares.of[portOf(&f.Key[flow.Base])].refused.Add(1)
	case ErrPort:
		m.counters.Add(counterPort, 1)
	case ErrExists:
		m.counters.Add(counterExists, 1)
	}
	m.counters.Publish()
	return s, err
}

func (m *Megaflow) insert(f *Flow) (Slot, error) {
	port := portOf(&f.Key[flow.Base])
	if port >= maxPorts {
		return 0, ErrPort
	}
	alwaysCount(&f.Mask)
	id, isNew := m.usualMask(port, &f.Mask), false
	usual := id != 0
	if !usual {
		id, isNew = m.chooseMask(port, &f.Mask)
	}
	rec := m.maskOf(id)
	v := m.viewKey(&f.Key)
	h := m.hash(&v, rec)
	s, err := m.claim(port, &v, id, h)
	if err != nil {
		if isNew {
			m.giveMask(id)
		}
		return s, err
	}

	// From here nothing fails. The slot can be found by nobody until put.
	e := &m.entries[s]
	for rest := rec.counted(v.present); rest != 0; rest &= rest - 1 {
		b := bits.TrailingZeros8(rest)
		m.block(b, s).And(v.block[b], &rec.block[b])
	}
	e.mask, e.trail = id, f.Trail
	e.tags, e.rewrote, e.added, e.blocks = f.Tags, f.Rewrote, f.Now, v.present
	e.verdict.Store(verdictOf(f.Actions, f.Version))
	sum := m.sum(s)
	m.baselines[s] = baseline{packets: sum.Packets, bytes: sum.Bytes, used: sum.LastUsed}
	e.gen.Add(1) // odd: live
	m.table.put(h, s)
	m.addFlow(port, id, isNew)
	m.putWhole(port, s)
	if !usual {
		m.countMask(port, id, &f.Mask)
	}
	m.flows.Add(1)
	return s, nil
}

// claim takes a free slot for a flow of port under mask id with hash h, if it can be entered.
func (m *Megaflow) claim(port uint32, v *view, id maskID, h uint64) (Slot, error) {
	if s := m.find(v, id, h); s != 0 {
		return s, ErrExists
	}
	if !m.table.has(h) {
		return 0, ErrBucket
	}
	if !m.shares.within(port) && (m.Reclaim() == 0 || !m.shares.within(port)) {
		if m.shares.used < m.shares.capacity {
			return 0, ErrShare
		}
		return 0, ErrFull
	}
	if m.free == 0 && int(m.next) == len(m.entries) && m.Reclaim() == 0 {
		return 0, ErrFull
	}
	m.shares.used++
	s := m.free
	if s == 0 {
		s = m.next
		m.next++
		return s, nil
	}
	m.free = m.entries[s].next
	return s, nil
}

// MayReclaim reports whether Insert may tell Retired of flows, to have room for one more of a port.
func (m *Megaflow) MayReclaim(port uint32) bool {
	return m.oldest != 0 && port < maxPorts && (!m.shares.within(port) || m.free == 0 && int(m.next) == len(m.entries))
}

// countMask counts flows that did not get the mask they asked for.
func (m *Megaflow) countMask(port uint32, id maskID, want *flow.Mask) {
	switch {
	case id < maxPorts:
		m.counters.Add(counterExact, 1)
	case id < firstMask:
		m.counters.Add(counterConnection, 1)
	case m.maskInfo[id].bits != bitsOf(want):
		m.counters.Add(counterNarrowed, 1)
	default:
		return
	}
	m.shares.of[port].narrowed.Add(1)
}

// Update replaces what is done with the packets of the flow in slot s, at once for all workers, and
// takes over the references to the lists. Those of the lists that were there are released.
func (m *Megaflow) Update(s Slot, actions, trail ListID, tags, rewrote uint64, version uint32) {
	if !m.live(s) {
		m.lists.Release(actions)
		m.lists.Release(trail)
		return
	}
	e := &m.entries[s]
	oldActions, oldTrail := e.actions(), e.trail
	e.verdict.Store(verdictOf(actions, version))
	e.trail, e.tags, e.rewrote = trail, tags, rewrote
	m.lists.Release(oldActions)
	m.lists.Release(oldTrail)
	m.counters.Add(counterUpdated, 1)
	m.counters.Publish()
}

// SetVersion gives the flow in slot s, which must be live, another version.
func (m *Megaflow) SetVersion(s Slot, version uint32) {
	e := &m.entries[s]
	e.verdict.Store(verdictOf(e.actions(), version))
}

// Remove takes the flow in slot s out: look-ups that begin after the call do not find it. Packets
// already found keep its actions until their worker's next tick. A slot without a flow is left alone.
func (m *Megaflow) Remove(s Slot) {
	if !m.live(s) {
		return
	}
	e := &m.entries[s]
	rec := m.maskOf(e.mask)
	v := m.viewSlot(s, rec)
	if !m.table.remove(m.hash(&v, rec), s) {
		panic("flowcache: a live flow is in neither of its buckets")
	}
	e.gen.Add(1) // even: no EMC entry answers with the slot from here on
	m.dropWhole(s)
	m.dropFlow(portOf(&e.base), e.mask)
	m.lists.Release(e.actions())
	m.flows.Add(-1)

	e.stamp, e.next = m.epochs.Advance(), 0
	if m.oldest == 0 {
		m.oldest = s
	} else {
		m.entries[m.newest].next = s
	}
	m.newest = s
	m.counters.Add(counterRemoved, 1)
	m.counters.Publish()
}

// Reclaim makes everything that was removed and that no worker uses any more available again:
// slots, masks and lists. It returns the number of slots. Once a revalidation round or so; Insert
// calls it when it needs to.
func (m *Megaflow) Reclaim() int {
	passed := m.epochs.oldest()
	n := 0
	for m.oldest != 0 && m.entries[m.oldest].stamp <= passed {
		s := m.oldest
		e := &m.entries[s]
		m.oldest = e.next
		if m.retired != nil {
			m.retired(s, m.Stats(s), e.trail)
		}
		m.lists.Release(e.trail)
		e.trail = 0
		e.next = m.free
		m.free = s
		m.shares.used--
		n++
	}
	m.reclaimMasks()
	m.lists.Reclaim()
	return n
}

// Flow reads the flow in slot s into f and reports whether there is one. f.Key is zero where f.Mask
// is, except that it names the blocks of the key the flow was made from; f.Mask is the mask it was
// entered under. The references to the lists stay with the cache.
func (m *Megaflow) Flow(s Slot, f *Flow) bool {
	if !m.live(s) {
		return false
	}
	e := &m.entries[s]
	rec := m.maskOf(e.mask)
	verdict := e.verdict.Load()
	*f = Flow{
		Actions: ListID(verdict), Trail: e.trail, Version: uint32(verdict >> 32),
		Tags: e.tags, Rewrote: e.rewrote,
		Now: e.added,
	}
	copy(f.Mask[:], rec.block[:])
	for rest := rec.counted(e.blocks); rest != 0; rest &= rest - 1 {
		b := bits.TrailingZeros8(rest)
		f.Key[b] = *m.block(b, s)
	}
	f.Key[flow.Base][flow.OffBlocks] = e.blocks
	return true
}

// All calls yield with every slot that has a flow, until it returns false. Flows may be inserted and
// removed meanwhile; those inserted may be left out.
func (m *Megaflow) All(yield func(Slot) bool) {
	for s := Slot(1); s < m.next; s++ {
		if m.live(s) && !yield(s) {
			return
		}
	}
}
