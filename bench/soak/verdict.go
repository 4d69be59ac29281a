package soak

import (
	"fmt"
	"slices"
)

// What memory may grow by between the second quarter of the samples and the last: the larger of a share
// and an amount. The first quarter is for warming up.
const (
	growthShare  = 0.05
	growthAmount = 4 << 20 // bytes
	// A daemon that has run for minutes has not yet seen all it allocates for: the collector lets the heap
	// grow to a multiple of what lives (GOGC), which is reached late. Shorter runs get more, and the
	// shortest are not judged.
	shortRun    = 600 // seconds
	shortAmount = 16 << 20
	shortestRun = 150 // seconds
	// Threads that block in system calls are never given back by the Go runtime, so their number may
	// creep up to a plateau.
	moreThreads = 2
)

// A Trend compares medians of two quarters of the samples.
type Trend struct {
	What   string  `json:"what"`
	Second float64 `json:"second"` // median of the second quarter
	Last   float64 `json:"last"`   // median of the last
	Bound  float64 `json:"bound"`  // the most that Last may be
}

func (t Trend) flat() bool { return t.Last <= t.Bound }

// trends returns how memory and threads have developed; nothing when the samples are of too short a time.
func trends(samples []Sample) []Trend {
	if len(samples) < 8 || samples[len(samples)-1].Seconds < shortestRun {
		return nil
	}
	amount := float64(growthAmount)
	if samples[len(samples)-1].Seconds < shortRun {
		amount = shortAmount
	}
	memory := func(what string, value func(Sample) float64) Trend {
		t := trend(samples, what, value)
		t.Bound = t.Second + max(growthShare*t.Second, amount)
		return t
	}
	threads := trend(samples, "threads", func(s Sample) float64 { return float64(s.Threads) })
	threads.Bound = threads.Second + moreThreads
	return []Trend{
		memory("resident memory", func(s Sample) float64 { return float64(s.RSS) }),
		memory("anonymous memory", func(s Sample) float64 { return float64(s.Anonymous) }),
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
	if last.Goroutines > first.Goroutines {
		wrong = append(wrong, fmt.Sprintf("goroutines: %d at the beginning, %d at the end", first.Goroutines, last.Goroutines))
	}
	return wrong
}
