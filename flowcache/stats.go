package flowcache

import (
	"slices"
	"sync/atomic"

	"github.com/culvertdev/culvert/ring/slab"
)

// A row counts what one worker sent through one flow: packets, bytes, time of the last in ns; the
// last word is unused. Two rows to a cache line.
type row [4]uint64

// Words of a row.
const (
	rowPackets = iota
	rowBytes
	rowUsed
)

// A tally is the counts of one worker at a time: a row for every slot and the hits of every mask.
// They only grow. When a worker leaves, the next one goes on where it ended, so nothing that was
// counted is lost and nothing has to be moved.
type tally struct {
	rows  []row    // by slot; written by the worker alone
	hits  []uint64 // by mask; the same
	ports []probed // by port; the same
	taken bool     // by a worker; guarded by Megaflow.mu
}

// probed is what look-ups of one port's packets took.
type probed struct {
	packets, masks uint64 // looked up; masks they were looked up under, all together
}

// probes returns what look-ups of a port's packets took, over all workers.
func (m *Megaflow) probes(port uint32) (packets, masks uint64) {
	for _, t := range m.tallies() {
		p := &t.ports[port]
		packets += atomic.LoadUint64(&p.packets)
		masks += atomic.LoadUint64(&p.masks)
	}
	return packets, masks
}

// Stats is what went through a flow.
type Stats struct {
	Packets  uint64
	Bytes    uint64
	LastUsed int64 // ns, on the clock given to Credit; before the first packet, Flow.Now
}

// bumpGeneric adds to a row that nobody else writes, so that whoever reads a word of it atomically
// never sees half a value. Packets come last and are read first: who has seen a packet finds its bytes and
// its time, and no change of them goes unnoticed by who compares packets alone.
func bumpGeneric(r *row, packets, bytes uint64, now int64) {
	atomic.StoreUint64(&r[rowUsed], uint64(now))
	atomic.StoreUint64(&r[rowBytes], r[rowBytes]+bytes)
	atomic.StoreUint64(&r[rowPackets], r[rowPackets]+packets)
}

// bumpEachGeneric is bumpGeneric for one packet after the other: packet i is counted in row slots[i], with sizes[i] bytes.
func bumpEachGeneric(rows []row, slots []Slot, sizes []uint32, now int64) {
	for i, s := range slots {
		bumpGeneric(&rows[s], 1, uint64(sizes[i]), now)
	}
}

// bump1Generic adds n to a word that nobody else writes.
func bump1Generic(p *uint64, n uint64) { atomic.StoreUint64(p, *p+n) }

// Stats returns what went through the flow in slot s since it was inserted. Of a flow that was
// removed it returns what went through until then, and a little after, until its slot is reclaimed.
func (m *Megaflow) Stats(s Slot) Stats {
	if !m.names(s) {
		return Stats{}
	}
	base := &m.baselines[s]
	sum := m.sum(s)
	st := Stats{
		Packets:  sum.Packets - base.packets,
		Bytes:    sum.Bytes - base.bytes,
		LastUsed: m.entries[s].added,
	}
	// A time at or before the baseline is the previous flow's.
	if sum.LastUsed > base.used {
		st.LastUsed = sum.LastUsed
	}
	return st
}

// sum adds up the rows of slot s over all workers there ever were.
func (m *Megaflow) sum(s Slot) Stats {
	var sum Stats
	for _, t := range m.tallies() {
		r := &t.rows[s]
		sum.Packets += atomic.LoadUint64(&r[rowPackets]) // first
		sum.Bytes += atomic.LoadUint64(&r[rowBytes])
		sum.LastUsed = max(sum.LastUsed, int64(atomic.LoadUint64(&r[rowUsed])))
	}
	return sum
}

// takeTally returns counts that belong to no worker, new ones if need be.
func (m *Megaflow) takeTally() *tally {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.tallies()
	for _, t := range list {
		if !t.taken {
			t.taken = true
			return t
		}
	}
	t := &tally{
		rows:  slab.New[row](m, len(m.entries)),
		hits:  slab.New[uint64](m, len(m.maskInfo)),
		ports: slab.New[probed](m, maxPorts),
		taken: true,
	}
	list = append(slices.Clone(list), t)
	m.tallyList.Store(&list)
	return t
}

func (m *Megaflow) giveTally(t *tally) {
	m.mu.Lock()
	t.taken = false
	m.mu.Unlock()
}

func (m *Megaflow) tallies() []*tally {
	if l := m.tallyList.Load(); l != nil {
		return *l
	}
	return nil
}
