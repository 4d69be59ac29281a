package ring

import "sync/atomic"

// An SPSC is a bounded first-in first-out ring with one producer and one consumer.
//
// Thread-safety: Push and PushN are for one goroutine at a time, Pop and PopN for one goroutine at a
// time; Len, Empty and Cap are for everybody. What the producer wrote before a push is visible to the
// consumer after the pop.
type SPSC[T any] struct {
	slots []T
	mask  uint64
	_     [line]byte

	head     atomic.Uint64 // next to pop; written by the consumer
	tailSeen uint64        // the consumer's copy of tail
	_        [line]byte

	tail     atomic.Uint64 // next to push; written by the producer
	headSeen uint64        // the producer's copy of head
	_        [line]byte
}

// NewSPSC returns an empty ring for at least capacity values, rounded up to a power of two. It panics
// when capacity is not between 1 and 2^30.
func NewSPSC[T any](capacity int) *SPSC[T] {
	n := roundUp(capacity)
	return &SPSC[T]{slots: make([]T, n), mask: uint64(n - 1)}
}

// Cap returns the number of values that fit.
func (r *SPSC[T]) Cap() int { return len(r.slots) }

// Len returns the number of values in r. For the consumer it is a lower bound, for the producer an
// upper one, for others a moment's view.
func (r *SPSC[T]) Len() int {
	head := r.head.Load() // before tail, so that the difference cannot be negative
	return min(int(r.tail.Load()-head), len(r.slots))
}

// Empty reports whether there is nothing to pop.
func (r *SPSC[T]) Empty() bool { return r.Len() == 0 }

// Push appends v; false when there is no room.
func (r *SPSC[T]) Push(v T) bool {
	tail := r.tail.Load()
	if r.room(tail, 1) == 0 {
		return false
	}
	r.slots[tail&r.mask] = v
	r.tail.Store(tail + 1)
	return true
}

// PushN appends the first values of vs, as many as fit, and returns how many.
func (r *SPSC[T]) PushN(vs []T) int {
	tail := r.tail.Load()
	n := r.room(tail, len(vs))
	if n == 0 {
		return 0
	}
	k := copy(r.slots[tail&r.mask:], vs[:n])
	copy(r.slots, vs[k:n])
	r.tail.Store(tail + uint64(n))
	return n
}

// Pop removes the oldest value; false when there is none.
func (r *SPSC[T]) Pop() (v T, ok bool) {
	head := r.head.Load()
	if r.stock(head, 1) == 0 {
		return v, false
	}
	v = r.slots[head&r.mask]
	r.head.Store(head + 1)
	return v, true
}

// PopN moves the oldest values to dst, as many as there are and it takes, and returns how many.
func (r *SPSC[T]) PopN(dst []T) int {
	head := r.head.Load()
	n := r.stock(head, len(dst))
	if n == 0 {
		return 0
	}
	k := copy(dst[:n], r.slots[head&r.mask:])
	copy(dst[k:n], r.slots)
	r.head.Store(head + uint64(n))
	return n
}

// room returns how many of want values fit at tail.
func (r *SPSC[T]) room(tail uint64, want int) int {
	free := len(r.slots) - int(tail-r.headSeen)
	if free < want {
		r.headSeen = r.head.Load()
		free = len(r.slots) - int(tail-r.headSeen)
	}
	return min(free, want)
}

// stock returns how many of want values there are at head.
func (r *SPSC[T]) stock(head uint64, want int) int {
	n := int(r.tailSeen - head)
	if n < want {
		r.tailSeen = r.tail.Load()
		n = int(r.tailSeen - head)
	}
	return min(n, want)
}
