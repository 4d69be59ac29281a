package sink

import (
	"fmt"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// Longest is the longest latency that is told apart: what takes longer counts as this long.
const Longest = time.Minute

// digits is how many digits of a latency are kept.
const digits = 3

// A Delay is how long frames took.
type Delay struct{ h *hdr.Histogram }

// newDelay returns one of no frames. It has all the memory it needs.
func newDelay() Delay { return Delay{hdr.New(1, int64(Longest), digits)} }

// add notes that a frame took ns nanoseconds.
func (d Delay) add(ns int64) {
	_ = d.h.RecordValue(min(max(ns, 1), int64(Longest))) // within its range
}

// A Latency says how long frames took, in nanoseconds, to three digits.
type Latency struct {
	Count uint64 `json:"count"` // frames of which it is known
	Min   int64  `json:"min_ns"`
	Mean  int64  `json:"mean_ns"`
	P50   int64  `json:"p50_ns"`
	P90   int64  `json:"p90_ns"`
	P99   int64  `json:"p99_ns"`
	P999  int64  `json:"p99.9_ns"`
	P9999 int64  `json:"p99.99_ns"`
	Max   int64  `json:"max_ns"`
	// Histogram is all of it, in HdrHistogram's compressed encoding (version 2) and base64: histograms of several runs
	// can be added up.
	Histogram string `json:"histogram,omitempty"`
}

// latency returns what there is to say; nil of no frames.
func (d Delay) latency() *Latency {
	if d.h.TotalCount() == 0 {
		return nil
	}
	l := summary(d.h)
	if b, err := d.h.Encode(hdr.V2CompressedEncodingCookieBase); err == nil {
		l.Histogram = string(b)
	}
	return l
}

func summary(h *hdr.Histogram) *Latency {
	return &Latency{
		Count: uint64(h.TotalCount()), Min: h.Min(), Mean: int64(h.Mean()), Max: h.Max(),
		P50: h.ValueAtPercentile(50), P90: h.ValueAtPercentile(90), P99: h.ValueAtPercentile(99),
		P999: h.ValueAtPercentile(99.9), P9999: h.ValueAtPercentile(99.99),
	}
}

// maxEncoded bounds what is decoded, in bytes: histograms of the widest range are shorter.
const maxEncoded = 4 << 20

// Add returns the latencies of several runs as one. Those that are nil count for nothing.
func Add(all ...*Latency) (*Latency, error) {
	sum := newDelay()
	for _, l := range all {
		if l == nil {
			continue
		}
		if len(l.Histogram) > maxEncoded {
			return nil, fmt.Errorf("histogram of %d bytes, want at most %d", len(l.Histogram), maxEncoded)
		}
		h, err := hdr.Decode([]byte(l.Histogram))
		if err != nil {
			return nil, fmt.Errorf("histogram: %w", err)
		}
		sum.h.Merge(h)
	}
	return sum.latency(), nil
}
