package xsk

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A ring is what the four rings of an AF_XDP socket have in common: a power of two of slots in memory
// shared with the kernel, one side producing, the other consuming.
//
//	+----------+     +----------+     +-------+     +--------------------------+
//	| producer | ... | consumer | ... | flags | ... | slot 0 | slot 1 | ...    |
//	+----------+     +----------+     +-------+     +--------------------------+
//
// (linux net/xdp/xsk_queue.h, struct xdp_ring; the kernel tells the offsets, XDP_MMAP_OFFSETS.)
// Indices run free and wrap at 2^32; slot = index & mask. Who writes what:
//
//	                     fill, transmit    receive, completion
//	producer, slots      we                the kernel
//	consumer             the kernel        we
//	flags                the kernel        the kernel, and says nothing
//
// Each side keeps a copy of the other's index and reads the shared one, a cache line that the other
// core writes, only when the copy promises too little; it stores its own once per batch. Go's atomics
// are sequentially consistent, so slots written before the producer index are seen after it, and no
// slot is reused before the consumer index has passed it.
type ring[T uint64 | unix.XDPDesc] struct {
	producer *atomic.Uint32
	consumer *atomic.Uint32
	flags    *atomic.Uint32
	slots    []T
	mask     uint32
}

func (r *ring[T]) size() uint32 { return r.mask + 1 }

// needsWakeup reports whether the kernel asks for a system call before it goes on with the ring.
func (r *ring[T]) needsWakeup() bool { return r.flags.Load()&unix.XDP_RING_NEED_WAKEUP != 0 }

// newRing returns a view of a ring of n slots, a power of two, in mem.
func newRing[T uint64 | unix.XDPDesc](mem []byte, at unix.XDPRingOffset, n uint32) (ring[T], error) {
	if n == 0 || n&(n-1) != 0 {
		return ring[T]{}, fmt.Errorf("%d slots: want a power of two", n)
	}
	slots, err := slotsAt[T](mem, at.Desc, n)
	if err != nil {
		return ring[T]{}, err
	}
	r := ring[T]{slots: slots, mask: n - 1}
	for _, w := range []struct {
		word **atomic.Uint32
		off  uint64
	}{{&r.producer, at.Producer}, {&r.consumer, at.Consumer}, {&r.flags, at.Flags}} {
		if *w.word, err = wordAt(mem, w.off); err != nil {
			return ring[T]{}, err
		}
	}
	return r, nil
}

// A producer is our end of the fill or the transmit ring.
//
// Thread-safety: one goroutine at a time.
type producer[T uint64 | unix.XDPDesc] struct {
	ring[T]
	prod uint32 // slots before this index are written
	cons uint32 // the kernel's index when last read
}

// newProducer starts where the ring stands, so that a ring can be taken over.
func newProducer[T uint64 | unix.XDPDesc](r ring[T]) producer[T] {
	return producer[T]{ring: r, prod: r.producer.Load(), cons: r.consumer.Load()}
}

// room returns how many slots are free, reading the kernel's index only if the copy says fewer than
// want.
func (p *producer[T]) room(want uint32) uint32 {
	n := p.size() - (p.prod - p.cons)
	if n < want {
		p.cons = p.consumer.Load()
		n = p.size() - (p.prod - p.cons)
	}
	if n > p.size() {
		return 0 // the consumer ran past the producer: nothing can be said, so nothing is free
	}
	return n
}

// put writes v to the next slot, which must be free. The kernel sees it after publish.
func (p *producer[T]) put(v T) {
	p.slots[p.prod&p.mask] = v
	p.prod++
}

// publish makes all that was put visible to the kernel.
func (p *producer[T]) publish() {
	if p.producer.Load() != p.prod { // a load costs a tenth of the store, an XCHG on amd64
		p.producer.Store(p.prod)
	}
}

// unsent returns how many slots were put that the kernel has not taken yet.
func (p *producer[T]) unsent() uint32 {
	p.cons = p.consumer.Load()
	return min(p.prod-p.cons, p.size())
}

// A consumer is our end of the receive or the completion ring.
//
// Thread-safety: one goroutine at a time.
type consumer[T uint64 | unix.XDPDesc] struct {
	ring[T]
	prod uint32 // the kernel's index when last read
	cons uint32 // slots before this index have been taken
}

// newConsumer starts where the ring stands, so that a ring can be taken over.
func newConsumer[T uint64 | unix.XDPDesc](r ring[T]) consumer[T] {
	return consumer[T]{ring: r, prod: r.producer.Load(), cons: r.consumer.Load()}
}

// avail returns how many slots can be taken, reading the kernel's index only if the copy says fewer
// than want. It never says more than the ring has slots.
func (c *consumer[T]) avail(want uint32) uint32 {
	if n := c.prod - c.cons; n >= want && n <= c.size() {
		return n
	}
	c.prod = c.producer.Load()
	return min(c.prod-c.cons, c.size())
}

// take returns the next slot, which avail must have promised. The kernel may reuse it after release.
func (c *consumer[T]) take() T {
	v := c.slots[c.cons&c.mask]
	c.cons++
	return v
}

// release gives the slots taken back to the kernel.
func (c *consumer[T]) release() {
	if c.consumer.Load() != c.cons {
		c.consumer.Store(c.cons)
	}
}
