package soak

import (
	"fmt"
	"slices"
)

// What memory may grow by between the second quarter of the quiet moments and the last: the larger of a
// share and an amount. The first quarter is for warming up.
const (
	growthShare  = 0.05
	growthAmount = 4 << 20 // bytes
	fewest       = 8       // quiet moments that can be judged
	// Tables are allocated whole and become resident where they are used, which takes a while.
	shortRun    = 10 * 60  // seconds
	shortAmount = 16 << 20 // bytes: growthAmount of shorter runs
	// Threads that block in system calls are never given back by the Go runtime, so their number may
	// creep up to a plateau.
	moreThreads = 2
	// Goroutines come and go with requests, and the runtime starts some when they are first needed. One
	// leaked with each step of a kind would be more by far.
	moreGoroutines = 6
)

// A Trend compares medians of two quarters of the samples at quiet moments.
type Trend struct {
	What   string  `json:"what"`
	Second float64 `json:"second"` // median of the second quarter
	Last   float64 `json:"last"`   // median of the last
	Bound  float64 `json:"bound"`  // the most that Last may be
}

func (t Trend) flat() bool { return t.Last <= t.Bound }

// trends returns how memory and threads have developed; nothing when there are too few samples.
func trends(samples []Sample) []Trend {
	if len(samples) < fewest {
		return nil
	}
	allowed := float64(growthAmount)
	if samples[len(samples)-1].Seconds < shortRun {
		allowed = shortAmount
	}
	memory := func(what string, value func(Sample) float64) Trend {
		t := trend(samples, what, value)
		t.Bound = t.Second + max(growthShare*t.Second, allowed)
		return t
	}
	threads := trend(samples, "threads", func(s Sample) float64 { return float64(s.Threads) })
	threads.Bound = threads.Second + moreThreads
	return []Trend{
		memory("resident memory", func(s Sample) float64 { return float64(s.RSS) }),
		memory("anonymous memory", func(s Sample) float64 { return float64(s.Anonymous) }),
		memory("Go heap", func(s Sample) float64 { return float64(s.Heap) }),
		threads,
	}
}

func trend(samples []Sample, what string, value func(Sample) float64) Trend {
	median := func(part []Sample) float64 {
		var all []float64
		for _, s := range part {
			all = append(all, value(s))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	n := len(samples)
	return Trend{What: what, Second: median(samples[n/4 : n/2]), Last: median(samples[3*n/4:])}
}

// leaks returns what the daemon has more of at the end than at the beginning, with all ports open as
// they were.
func leaks(first, last Sample) (wrong []string) {
	if last.FDs > first.FDs {
		wrong = append(wrong, fmt.Sprintf("file descriptors: %d at the beginning, %d at the end", first.FDs, last.FDs))
	}
	if last.Goroutines > first.Goroutines+moreGoroutines {
		wrong = append(wrong, fmt.Sprintf("goroutines: %d at the beginning, %d at the end", first.Goroutines, last.Goroutines))
	}
	return wrong
}
