package meter

import (
	"sync"
	"sync/atomic"
)

// A Store has the meters of a switch.
//
// Thread-safety: Run is for one goroutine per worker at a time; everything else is safe for concurrent
// use, with Run as well.
type Store struct {
	workers int
	chunks  [MaxMeters / chunkSize]atomic.Pointer[chunk]

	mu   sync.Mutex // over what follows, bucket.state and chunk.base
	next uint32     // meters from here on were never used
	free []uint32   // deleted ones, the oldest first
	n    int
}

// A slot is the index of a meter and, above it, which life of that place it is, so that a program which
// outlives its meter never meets the next one. Lives count from 1: no slot is 0.
const (
	indexBits = 18
	maxLife   = 1<<(32-indexBits) - 1
)

var _ = [1]struct{}{}[MaxMeters-1<<indexBits]

// NewStore returns an empty store for a number of workers.
func NewStore(workers int) *Store { return &Store{workers: workers} }

// Len returns the number of meters.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// Add adds a meter with full buckets and returns its slot, never 0. Errors: ErrFull, ErrBands.
func (s *Store) Add(m Meter) (slot uint32, err error) {
	if len(m.Bands) > MaxBands {
		return 0, ErrBands
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.take()
	if !ok {
		return 0, ErrFull
	}
	s.n++
	c := s.chunks[i/chunkSize].Load()
	life := c.buckets[i%chunkSize].state.Load()>>stateLife%maxLife + 1
	c.set(i%chunkSize, life, &m)
	return uint32(life)<<indexBits | i, nil
}

// take returns a free place.
func (s *Store) take() (index uint32, ok bool) {
	if s.next < MaxMeters && (len(s.free) == 0 || s.next%chunkSize != 0) {
		if s.next%chunkSize == 0 {
			s.chunks[s.next/chunkSize].Store(newChunk(s.workers))
		}
		s.next++
		return s.next - 1, true
	}
	if len(s.free) == 0 {
		return 0, false
	}
	index, s.free = s.free[0], s.free[1:]
	return index, true
}

// Change makes the meter in a slot another one, with full buckets and no statistics, for all programs
// that name it. Errors: ErrGone, ErrBands.
func (s *Store) Change(slot uint32, m Meter) error {
	if len(m.Bands) > MaxBands {
		return ErrBands
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, i, ok := s.find(slot)
	if !ok {
		return ErrGone
	}
	c.set(i, uint64(slot>>indexBits), &m)
	return nil
}

// set writes a meter into place i. Workers may be at the one that was there: what they take or give back
// meanwhile is a batch's worth at most.
func (c *chunk) set(i uint32, life uint64, m *Meter) {
	b := &c.buckets[i]
	b.state.Store(life << stateLife) // nobody is metered until it is whole
	for at := int(i); at < len(c.rows); at += chunkSize {
		for j := range c.rows[at].bands {
			c.rows[at].bands[j].saved.Store(0)
		}
	}
	for j, band := range m.Bands {
		if band.Burst == 0 {
			band.Burst = band.Rate
		}
		b.bands[j].limit.Store(uint64(band.Rate)<<32 | uint64(band.Burst))
		b.bands[j].heap.Store(int64(band.Burst) * tokensPerUnit)
	}
	b.filled.Store(fresh)
	c.base[i] = c.sum(i)
	state := life<<stateLife | stateLive | uint64(len(m.Bands))
	if m.Packets {
		state |= statePackets
	}
	b.state.Store(state)
}

// Delete removes a meter; a slot without one is left alone. Packets of programs that still name the slot
// pass, as they do in Open vSwitch while flows are being removed.
func (s *Store) Delete(slot uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, i, ok := s.find(slot)
	if !ok {
		return
	}
	c.buckets[i].state.Store(uint64(slot>>indexBits) << stateLife)
	s.free = append(s.free, slot%MaxMeters)
	s.n--
}

// Get returns the meter in a slot as it was added or last changed, its bursts filled in.
func (s *Store) Get(slot uint32) (m Meter, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, i, ok := s.find(slot)
	if !ok {
		return Meter{}, false
	}
	b := &c.buckets[i]
	state := b.state.Load()
	m.Packets = state&statePackets != 0
	for j := range state & stateBands {
		limit := b.bands[j].limit.Load()
		m.Bands = append(m.Bands, Band{Rate: uint32(limit >> 32), Burst: uint32(limit)})
	}
	return m, true
}

// Stats reads what the meter in a slot has counted into st, whose memory it uses again. ok is false when
// there is no meter.
func (s *Store) Stats(slot uint32, st *Stats) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, i, ok := s.find(slot)
	if !ok {
		return false
	}
	sum, base := c.sum(i), &c.base[i]
	st.Packets, st.Bytes = sum.packets-base.packets, sum.bytes-base.bytes
	st.Bands = st.Bands[:0]
	for j := range c.buckets[i].state.Load() & stateBands {
		st.Bands = append(st.Bands, BandStats{
			Packets: sum.bands[j].Packets - base.bands[j].Packets, Bytes: sum.bands[j].Bytes - base.bands[j].Bytes,
		})
	}
	return true
}

// find returns where the meter in a slot lies. s.mu is held.
func (s *Store) find(slot uint32) (c *chunk, i uint32, ok bool) {
	index := slot % MaxMeters
	c = s.chunks[index/chunkSize].Load()
	if c == nil {
		return nil, 0, false
	}
	i = index % chunkSize
	return c, i, named(c.buckets[i].state.Load(), slot)
}

// named reports whether a bucket in this state is the meter that slot was given out for.
func named(state uint64, slot uint32) bool {
	return state&stateLive != 0 && state>>stateLife == uint64(slot>>indexBits)
}
