package pmd

import (
	"slices"
	"time"
)

// Times in nanoseconds.
const (
	// minSpin and maxSpin bound how long a worker polls without traffic before it sleeps. In between
	// it adapts, see idler.woke. maxSpin is longer than what holds up a sender now and then, a slice of
	// the kernel's scheduler for example: after a pause the worker would else be asleep when the sender
	// goes on.
	minSpin = int64(50 * time.Microsecond)
	maxSpin = int64(10 * time.Millisecond)
	// housekeeping is how long a worker sleeps at most: ten wake-ups a second cost less than 0.1 % of
	// a core and bound the age of whatever Processor.Flush looks after.
	housekeeping = int64(100 * time.Millisecond)
	// probeSleep is how long calibration sleeps, probeCount how often, probeEvery when it is tried
	// again on a machine found too slow: 8 wake-ups a second, which cost 0.1 % of a core.
	probeSleep = int64(50 * time.Microsecond)
	probeCount = 8
	probeEvery = int64(time.Second)
)

// An idler decides when a worker sleeps. It is plain arithmetic on times in nanoseconds.
type idler struct {
	budget int64 // the latest a packet may be; 0: never sleep
	spin   int64 // time without traffic before sleeping
	last   int64 // when there was traffic last

	wake    int64             // what nine wake-ups in ten take at most
	slow    bool              // wake exceeds the budget
	probeAt int64             // when slow: time of the next probe
	probes  [probeCount]int64 // wake-up times measured by probing
	probed  int               // entries of probes
}

func newIdler(budget int64) idler { return idler{budget: budget, spin: minSpin} }

// due reports whether the worker should try to sleep now.
func (i *idler) due(now int64) bool {
	if i.budget == 0 || now-i.last < i.spin {
		return false
	}
	return !i.slow || now >= i.probeAt
}

// traffic notes that a cycle at time now found work.
func (i *idler) traffic(now int64) { i.last = now }

// sleepFor returns how long to sleep when nothing happens. timed: a queue cannot wake the worker.
func (i *idler) sleepFor(timed bool) int64 {
	switch {
	case i.slow:
		return probeSleep
	case timed:
		return min(housekeeping, i.budget)
	default:
		return housekeeping
	}
}

// woke adapts the spin time to a sleep of the given length that traffic ended. Traffic that comes soon
// after falling asleep would have been cheaper to wait for, and traffic that stays away for long was
// not worth the wait: double or halve. Bursts close together are then polled for, and a trickle of less
// than a hundred packets a second pays a wake-up a packet, which it can afford.
func (i *idler) woke(slept int64) {
	switch {
	case slept < maxSpin/4:
		i.spin = min(2*i.spin, maxSpin)
	case slept > maxSpin:
		i.spin = max(i.spin/2, minSpin)
	}
}

// measured takes in how long a wake-up took: from the moment something happened to the worker running.
// It follows the ninth decile, not the mean: up by 18 % or down by 2 %, which balance when one in ten is
// above. One pause of the machine does not upset it. It reports whether the verdict changed.
func (i *idler) measured(latency, now int64) (changed bool) {
	if i.slow {
		return i.probe(latency, now)
	}
	if latency > i.wake {
		i.wake += max(1, i.wake*18/100)
	} else {
		i.wake -= i.wake * 2 / 100
	}
	return i.judge(now)
}

// probe collects wake-up times of a worker that does not sleep otherwise, and gives a verdict when it
// has enough.
func (i *idler) probe(latency, now int64) (changed bool) {
	i.probes[i.probed] = latency
	i.probed++
	if i.probed < probeCount {
		return false
	}
	slices.Sort(i.probes[:])
	i.wake = max(1, i.probes[probeCount-2]) // the largest may be an accident
	i.probed = 0
	return i.judge(now)
}

func (i *idler) judge(now int64) (changed bool) {
	was := i.slow
	i.slow = i.wake > i.budget
	if i.slow {
		i.probeAt = now + probeEvery
	}
	return was != i.slow
}
