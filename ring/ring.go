// Package ring holds the bounded queues that goroutines hand values over by: [SPSC] for one producer
// and [MPSC] for any number, both with one consumer, both without locks.
//
// It is not a channel: nobody blocks and nobody is woken. A push that finds no room says so, and what
// did not fit stays with the caller; a consumer that wants to sleep arms whatever wakes it first and
// looks at Empty after.
//
// Memory: values are copied in and out. A popped slot keeps its old value until the ring comes round
// to it, so values should hold no pointers, or pointers to what lives long anyway.
//
// Indices run freely in 64 bits and never wrap; a slot is an index masked by the capacity. Each side
// keeps a copy of the other's index and looks at the real one only when the copy says full or empty,
// so that a cache line changes cores once in many batches (Lamport's queue as in MCRingBuffer, Lee et
// al., IPDPS 2010).
package ring

import "math/bits"

// line is the distance that keeps two fields off each other's cache lines: two lines of 64 bytes,
// because x86 prefetches lines in pairs.
const line = 128 // bytes

// maxCapacity bounds a ring to what one allocation can sensibly be.
const maxCapacity = 1 << 30 // values

// roundUp returns the power of two that a ring for at least n values has.
func roundUp(n int) int {
	if n < 1 || n > maxCapacity {
		panic("ring: capacity out of range")
	}
	return 1 << bits.Len(uint(n-1))
}
