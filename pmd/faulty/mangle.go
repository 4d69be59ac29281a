package faulty

import (
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// A mangler applies the faults of one direction to the frames of one queue.
//
// Thread-safety: belongs to the queue's worker.
type mangler struct {
	Direction
	dice
	pool   *frame.Pool
	cache  *frame.Cache
	counts *counter.Block
	out    frame.List  // frames ready to go on
	held   frame.Frame // waits until the next one has gone on
	holds  bool
}

// push decides over f and appends what becomes of it to out.
func (m *mangler) push(f frame.Frame) {
	drop, cut, flip := m.hit(m.Drop), m.hit(m.Truncate), m.hit(m.Corrupt)
	double, swap := m.hit(m.Duplicate), m.hit(m.Reorder)
	if drop {
		m.counts.Add(dropped, 1)
		m.cache.Put(f)
		return
	}
	if cut {
		f = m.truncate(f)
	}
	if flip {
		m.corrupt(f)
	}
	if swap && !m.holds {
		m.held, m.holds = f, true
		m.counts.Add(reordered, 1)
		return
	}
	m.out.Push(m.pool, f)
	if double {
		if dup, ok := m.cache.Copy(f); ok {
			m.out.Push(m.pool, dup)
			m.counts.Add(duplicated, 1)
		}
	}
	m.release()
}

// release lets the frame that is held back go.
func (m *mangler) release() {
	if m.holds {
		m.holds = false
		m.out.Push(m.pool, m.held)
	}
}

// truncate keeps a random part of f's first buffer. Offload wishes go: they might point behind the
// end, which no port may deliver.
func (m *mangler) truncate(f frame.Frame) frame.Frame {
	n := m.below(f.Len())
	if rest, ok := m.pool.Next(f); ok {
		m.cache.Put(rest)
	}
	m.counts.Add(truncated, 1)
	return m.pool.At(f.Off(), n)
}

// corrupt flips one bit anywhere in the packet.
func (m *mangler) corrupt(f frame.Frame) {
	total := m.pool.Total(f)
	if total == 0 {
		return
	}
	at := m.below(total)
	for at >= f.Len() {
		at -= f.Len()
		f, _ = m.pool.Next(f)
	}
	m.pool.Bytes(f)[at] ^= 1 << m.below(8)
	m.counts.Add(corrupted, 1)
}

// waiting reports whether there is something to release or to take from out.
func (m *mangler) waiting() bool { return m.holds || m.out.Len() > 0 }

// close frees what is held.
func (m *mangler) close() {
	m.release()
	for f, ok := m.out.Pop(m.pool); ok; f, ok = m.out.Pop(m.pool) {
		m.cache.Put(f)
	}
	m.counts.Publish()
	m.cache.Close()
}
