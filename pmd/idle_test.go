package pmd

import (
	"math/rand/v2"
	"testing"
	"time"
)

const (
	us = int64(time.Microsecond)
	ms = int64(time.Millisecond)
)

func TestAWorkerSpinsForAWhileBeforeItSleeps(t *testing.T) {
	i := newIdler(ms)
	i.traffic(1000 * ms)
	if i.due(1000*ms+minSpin-1) || !i.due(1000*ms+minSpin) {
		t.Error("sleep is not due exactly when the spin time is over")
	}
	never := newIdler(0)
	if never.due(1 << 62) {
		t.Error("a worker without budget sleeps")
	}
}

func TestSpinTimeAdaptsToTraffic(t *testing.T) {
	for _, c := range []struct {
		name  string
		slept int64
		from  int64
		want  int64
	}{
		{"bursts close together are polled for", 100 * us, minSpin, maxSpin},
		{"a trickle is slept for", 20 * ms, maxSpin, minSpin},
		{"in between nothing changes", 5 * ms, 200 * us, 200 * us},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newIdler(ms)
			i.spin = c.from
			for range 20 {
				i.woke(c.slept)
			}
			if i.spin != c.want {
				t.Errorf("spins %d ns, want %d", i.spin, c.want)
			}
		})
	}
}

func TestHowLongAWorkerSleeps(t *testing.T) {
	i := newIdler(3 * ms)
	if got := i.sleepFor(false); got != housekeeping {
		t.Errorf("%d ns, want the housekeeping time", got)
	}
	if got := i.sleepFor(true); got != 3*ms {
		t.Errorf("%d ns with a queue that cannot wake it, want the budget", got)
	}
	i.budget = 2 * housekeeping
	if got := i.sleepFor(true); got != housekeeping {
		t.Errorf("%d ns with a long budget, want the housekeeping time", got)
	}
	i.slow = true
	if got := i.sleepFor(true); got != probeSleep {
		t.Errorf("%d ns when too slow, want a probe", got)
	}
}

func TestTheWakeEstimateIsTheNinthDecile(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	i := newIdler(1 << 62)
	i.wake = 500 * us
	sum, n := 0.0, 0
	for k := range 20_000 {
		i.measured(int64(rng.Float64()*float64(100*us)), 0)
		if k > 1000 {
			sum += float64(i.wake)
			n++
		}
	}
	if mean := int64(sum / float64(n)); mean < 80*us || mean > 100*us {
		t.Errorf("of times even between 0 and 100 µs: %d ns, want about 90 µs", mean)
	}
}

func TestOneLongPauseDoesNotKeepAWorkerFromSleeping(t *testing.T) {
	i := newIdler(ms)
	for range probeCount {
		i.probe(40*us, 0)
	}
	if changed := i.measured(50*ms, 0); changed || i.slow {
		t.Error("one wake-up of 50 ms was enough")
	}
	for range 30 {
		i.measured(50*ms, 0)
	}
	if !i.slow {
		t.Error("thirty wake-ups of 50 ms were not enough")
	}
}

func TestASlowMachineIsProbedAgain(t *testing.T) {
	i := newIdler(100 * us)
	now := int64(0)
	probe := func(latency int64) (changed bool) {
		for k := range probeCount {
			if !i.due(now) && i.slow {
				t.Fatalf("probe %d of %d is not due", k, probeCount)
			}
			changed = i.probe(latency, now)
		}
		return changed
	}
	if !probe(200*us) || !i.slow {
		t.Fatal("wake-ups of twice the budget are accepted")
	}
	if i.due(now + probeEvery - 1) {
		t.Error("probed too soon")
	}
	now += probeEvery
	if probe(200*us) || !i.slow {
		t.Error("still slow is no change")
	}
	now += probeEvery
	if !probe(50*us) || i.slow {
		t.Error("a machine that has become fast is not noticed")
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for _, ns := range []int64{-5, 0, 1, 2, 3, 1000, 1 << 50} {
		h.add(ns)
	}
	if s := h.snapshot(); s.Count() != 0 || s.Quantile(0.5) != 0 {
		t.Error("durations show before they are published")
	}
	h.publish()
	s := h.snapshot()
	want := map[int]uint64{0: 2, 1: 1, 2: 2, 10: 1, histogramBuckets - 1: 1}
	for i, n := range s.Buckets {
		if n != want[i] {
			t.Errorf("bucket %d: got %d, want %d", i, n, want[i])
		}
	}
	if s.Count() != 7 || s.Max != 1<<50 || s.Sum != 1<<50+1006 {
		t.Errorf("count %d, max %d, sum %d", s.Count(), s.Max, s.Sum)
	}
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{{0, 1}, {0.2, 1}, {0.5, 4}, {0.8, 1024}, {1, 1 << 39}} {
		if got := s.Quantile(c.q); got != c.want {
			t.Errorf("quantile %v: got %d, want %d", c.q, got, c.want)
		}
	}
}

func TestTheCycleHistogramShowsAPause(t *testing.T) {
	w, _ := cycleWorker(t, 0)
	w.cycle()
	w.cycle()
	time.Sleep(5 * time.Millisecond)
	w.cycle()
	w.publish()
	if got := w.Stats().Cycle.Max; got < 5*time.Millisecond {
		t.Errorf("longest cycle %v, want at least 5 ms", got)
	}
}
