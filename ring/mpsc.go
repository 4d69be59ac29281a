package ring

import "sync/atomic"

// An MPSC is a bounded first-in first-out ring with any number of producers and one consumer. Values
// of one producer come out in the order they went in, those of one PushN next to each other.
//
// A producer reserves a run of slots with one compare-and-swap of tail, fills it, and publishes it by
// one store into the run's first slot: the sequence number of D. Vyukov's bounded queue, but one per
// run instead of one per value. Producers never wait for each other. The consumer, which takes runs in
// order of reservation, sees nothing of a later run while an earlier one is being filled.
//
// Thread-safety: Push and PushN are for everybody at any time; Pop, PopN and Empty for one goroutine
// at a time; Len and Cap for everybody. What a producer wrote before a push is visible to the consumer
// after the pop.
type MPSC[T any] struct {
	slots []slot[T]
	mask  uint64
	_     [line]byte

	head atomic.Uint64 // next to pop; written by the consumer
	run  uint64        // values left of the run the consumer is in; the consumer's
	_    [line]byte

	tail     atomic.Uint64 // next to reserve; written by producers
	headSeen atomic.Uint64 // the producers' copy of head: old perhaps, which only means another look
	_        [line]byte
}

// A slot holds one value, and the length of the run that starts with it.
type slot[T any] struct {
	seq atomic.Uint64 // index + 1 of the last run published here; its store hands n and v over
	n   uint32        // values in that run
	v   T
}

// NewMPSC returns an empty ring for at least capacity values, rounded up to a power of two. It panics
// when capacity is not between 1 and 2^30.
func NewMPSC[T any](capacity int) *MPSC[T] {
	n := roundUp(capacity)
	return &MPSC[T]{slots: make([]slot[T], n), mask: uint64(n - 1)}
}

// Cap returns the number of values that fit.
func (r *MPSC[T]) Cap() int { return len(r.slots) }

// Len returns the number of values in r, those that producers are still writing included: a moment's
// view.
func (r *MPSC[T]) Len() int {
	head := r.head.Load() // before tail, so that the difference cannot be negative
	return min(int(r.tail.Load()-head), len(r.slots))
}

// Empty reports whether there is nothing to pop now. Values that a producer is still writing do not
// count: it has yet to return from its push, and to wake the consumer if need be.
func (r *MPSC[T]) Empty() bool { return r.run == 0 && !r.published(r.head.Load()) }

// Push appends v; false when there is no room.
func (r *MPSC[T]) Push(v T) bool {
	tail, n := r.reserve(1)
	if n == 0 {
		return false
	}
	s := &r.slots[tail&r.mask]
	s.v = v
	s.n = 1
	s.seq.Store(tail + 1)
	return true
}

// PushN appends the first values of vs, as many as fit, and returns how many.
func (r *MPSC[T]) PushN(vs []T) int {
	tail, n := r.reserve(len(vs))
	if n == 0 {
		return 0
	}
	for i, v := range vs[:n] {
		r.slots[(tail+uint64(i))&r.mask].v = v
	}
	s := &r.slots[tail&r.mask]
	s.n = uint32(n)
	s.seq.Store(tail + 1)
	return n
}

// Pop removes the oldest value; false when there is none.
func (r *MPSC[T]) Pop() (v T, ok bool) {
	head := r.head.Load()
	if r.run == 0 && !r.enter(head) {
		return v, false
	}
	v = r.slots[head&r.mask].v
	r.run--
	r.head.Store(head + 1)
	return v, true
}

// PopN moves the oldest values to dst, as many as there are and it takes, and returns how many.
func (r *MPSC[T]) PopN(dst []T) int {
	head := r.head.Load()
	n := 0
	for n < len(dst) && (r.run > 0 || r.enter(head+uint64(n))) {
		k := min(int(r.run), len(dst)-n)
		for i := range k {
			dst[n+i] = r.slots[(head+uint64(n+i))&r.mask].v
		}
		n += k
		r.run -= uint64(k)
	}
	if n > 0 {
		r.head.Store(head + uint64(n))
	}
	return n
}

// reserve takes up to want slots from tail on. The slots behind head are free: head only grows, so
// what was free before the compare-and-swap still is after it.
func (r *MPSC[T]) reserve(want int) (tail uint64, n int) {
	for {
		tail = r.tail.Load()
		n = min(r.free(tail, r.headSeen.Load()), want)
		if n < want {
			head := r.head.Load()
			r.headSeen.Store(head)
			n = min(r.free(tail, head), want)
		}
		if n <= 0 || r.tail.CompareAndSwap(tail, tail+uint64(n)) {
			return tail, n
		}
	}
}

// free returns the number of free slots. When tail has moved since it was read, head can be ahead of
// it: the result is then too large, and the compare-and-swap that follows fails.
func (r *MPSC[T]) free(tail, head uint64) int { return len(r.slots) - int(tail-head) }

// published reports whether a run starts at index head that is complete.
func (r *MPSC[T]) published(head uint64) bool { return r.slots[head&r.mask].seq.Load() == head+1 }

// enter starts the run at index head, if there is one.
func (r *MPSC[T]) enter(head uint64) bool {
	if !r.published(head) {
		return false
	}
	r.run = uint64(r.slots[head&r.mask].n)
	return true
}
