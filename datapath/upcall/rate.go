package upcall

import (
	"sync/atomic"
	"time"
)

// MaxRate is the highest rate, in flows a second.
const MaxRate = 10_000_000

// burst is how much of its rate a port may use at once: what it has left unused for so long.
const burst = 100 * time.Millisecond

// A Rate bounds how many new flows a port may have per second: a token bucket, kept as the time from which on it
// has a token (the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371). The zero value
// bounds nothing.
//
// Thread-safety: all methods are safe for concurrent use; all workers share the port's bucket.
type Rate struct {
	each atomic.Int64 // ns for a flow; 0: any number
	next atomic.Int64
}

// Set makes it a bucket of perSecond flows a second, from 1 to MaxRate; 0 means any number.
func (r *Rate) Set(perSecond int) {
	each := int64(0)
	if perSecond > 0 {
		each = int64(time.Second) / int64(perSecond)
	}
	r.each.Store(each)
}

// Take takes a token at time now, in nanoseconds, and reports whether there was one.
func (r *Rate) Take(now int64) bool {
	each := r.each.Load()
	if each == 0 {
		return true
	}
	for {
		next := r.next.Load()
		if next > now {
			return false
		}
		if r.next.CompareAndSwap(next, max(next, now-int64(burst))+each) {
			return true
		}
	}
}
