package pmd

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogramBuckets reach to 2^39 ns, nine minutes; the last takes everything longer.
const histogramBuckets = 40

// A histogram counts durations in power-of-two buckets: one writer, which publishes from time to time,
// and readers that see what was published.
type histogram struct {
	private tally
	public  struct {
		buckets  [histogramBuckets]atomic.Uint64
		sum, max atomic.Uint64
	}
	last tally // what the writer has published
}

type tally struct {
	buckets  [histogramBuckets]uint64
	sum, max uint64 // ns
}

// add counts a duration in nanoseconds.
func (h *histogram) add(ns int64) {
	v := uint64(max(0, ns))
	h.private.buckets[min(bits.Len64(v), histogramBuckets-1)]++
	h.private.sum += v
	h.private.max = max(h.private.max, v)
}

// publish shows readers what was added. Values that did not change cost no store.
func (h *histogram) publish() {
	for i, v := range h.private.buckets {
		if v != h.last.buckets[i] {
			h.public.buckets[i].Store(v)
		}
	}
	h.public.sum.Store(h.private.sum)
	h.public.max.Store(h.private.max)
	h.last = h.private
}

// snapshot returns what was published.
func (h *histogram) snapshot() Histogram {
	var s Histogram
	for i := range h.public.buckets {
		s.Buckets[i] = h.public.buckets[i].Load()
	}
	s.Sum = time.Duration(h.public.sum.Load())
	s.Max = time.Duration(h.public.max.Load())
	return s
}

// A Histogram is how often durations of each magnitude occurred.
type Histogram struct {
	// Buckets[i] counts durations from 2^(i-1) to less than 2^i nanoseconds; Buckets[0] those of
	// nothing, the last also everything longer.
	Buckets [histogramBuckets]uint64
	Sum     time.Duration // of all durations
	Max     time.Duration // the longest
}

// Count returns how many durations were counted.
func (h *Histogram) Count() uint64 {
	n := uint64(0)
	for _, v := range h.Buckets {
		n += v
	}
	return n
}

// Quantile returns a duration that the share q of all durations does not reach, to the next power of
// two; 0 when there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rest := q * float64(h.Count())
	for i, v := range h.Buckets {
		rest -= float64(v)
		if v > 0 && rest <= 0 {
			return 1 << i
		}
	}
	return 0
}
