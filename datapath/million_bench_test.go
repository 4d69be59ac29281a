package datapath

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// resident returns the memory of the process that is there, in bytes: proc_pid_statm(5).
func resident(b *testing.B) int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// timed runs poll cycles until done says so, and returns how long they were, shortest first.
func (r *rig) timed(flows int, done func() bool) []time.Duration {
	var took []time.Duration
	for !done() {
		for range 256 {
			r.now = r.sw.clock.Now()
			start := time.Now()
			r.cycle(testPacket, flows)
			took = append(took, time.Since(start))
		}
	}
	slices.Sort(took)
	return took
}

// BenchmarkAMillionFlows fills the cache with a million flows, through the slow path, and tells what one of them
// takes in memory, how long a walk over all of them is, and how long the worker's poll cycles, of 64 packets
// of 64 flows, are before and meanwhile: half of them and 99 and 99.9 of 100 are shorter.
func BenchmarkAMillionFlows(b *testing.B) {
	const flows = 1_000_000
	var mask flow.Mask
	mask.SetExact(flow.FieldIPSrc)
	// A quarter of the room is kept for the other port, and of what is left nothing may be scarce.
	r := newRigOf(b, &byPort{mask: mask}, -1, 2*flows)
	empty := resident(b)
	start := time.Now()
	for n := 0; n < flows+frame.MaxBatch || r.sw.flows.Len() < flows; n += frame.MaxBatch {
		r.now = r.sw.clock.Now()
		r.cycle(testPacket, flows)
		for r.w.waiting.Len() > 0 {
			r.w.Flush(r.now)
		}
		if time.Since(start) > 90*time.Second {
			b.Skipf("the machine is too busy: %d flows after 90 s", r.sw.flows.Len())
		}
	}
	rate, memory := flows/time.Since(start).Seconds(), float64(resident(b)-empty)/flows
	for b.Loop() {
		end := time.Now().Add(time.Second)
		calm := r.timed(flows, func() bool { return time.Now().After(end) })
		const walks = 4
		walked := make(chan time.Duration, 1)
		go func() {
			start := time.Now()
			for range walks {
				r.sw.reval.Walk()
			}
			walked <- time.Since(start) / walks
		}()
		var walk time.Duration
		busy := r.timed(flows, func() bool {
			select {
			case walk = <-walked:
				return true
			default:
				return false
			}
		})
		b.ReportMetric(float64(walk.Microseconds())/1e3, "ms/walk")
		for _, q := range []struct {
			name string
			part float64
		}{{"p50-us", 0.5}, {"p99-us", 0.99}, {"p999-us", 0.999}} {
			at := func(d []time.Duration) float64 { return float64(d[int(q.part*float64(len(d)-1))].Nanoseconds()) / 1e3 }
			b.ReportMetric(at(calm), "calm-"+q.name)
			b.ReportMetric(at(busy), "walk-"+q.name)
		}
	}
	b.ReportMetric(rate, "new-flows/s")
	b.ReportMetric(memory, "B/flow")
}
