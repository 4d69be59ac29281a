package vteptest

import (
	"testing"
	"time"
)

// maxMoves, which is odd, is how often a guest moves until it is said that no move is followed in time: other tests use the
// machine, too.
const maxMoves = 13

// InASecond has a guest move away and back, and away in the end: each function returns when its move is followed. The best of
// three or more has to be followed within a second, the time aside that this process was kept from running, of which no more
// than half of a move's counts.
func InASecond(t testing.TB, away, back func()) {
	t.Helper()
	followed(t, time.Second, measure, away, back)
}

// followed is InASecond with another time, and another measure of a move.
func followed(t testing.TB, within time.Duration, measure func(func()) (took, kept time.Duration), away, back func()) {
	t.Helper()
	best := within
	for n := 0; n < 3 || n%2 == 0 || n < maxMoves && best >= within; n++ {
		move := away
		if n%2 == 1 {
			move = back
		}
		took, kept := measure(move)
		t.Logf("a move is followed after %v, of which this process was kept from running for %v", took, kept)
		best = min(best, took-min(kept, took/2))
	}
	if best >= within {
		t.Errorf("none of %d moves is followed within %v", maxMoves, within)
	}
}

// measure returns how long f takes, and for how much of that this process did not run: the sum of what a timer was late, each
// time by so much that it was not the wait for a processor's turn that all have, all the time, where others compute.
func measure(f func()) (took, kept time.Duration) {
	const tick, usual = 5 * time.Millisecond, 100 * time.Millisecond
	done, sum := make(chan struct{}), make(chan time.Duration)
	go func() {
		var all time.Duration
		for {
			start := time.Now()
			select {
			case <-done:
				sum <- all
				return
			case <-time.After(tick):
			}
			if late := time.Since(start) - tick; late > usual {
				all += late
			}
		}
	}()
	start := time.Now()
	f()
	took = time.Since(start)
	close(done)
	return took, min(took, <-sum)
}
