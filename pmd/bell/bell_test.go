package bell

import (
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func open(t *testing.T) *Bell {
	t.Helper()
	b := new(Bell)
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func wait(t *testing.T, b *Bell, ms int) (rung bool) {
	t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(b.FD()), Events: unix.POLLIN}}, ms)
	if err != nil && err != unix.EINTR {
		t.Fatal(err)
	}
	return n == 1
}

func TestOnlyAnArmedBellIsHeard(t *testing.T) {
	b := open(t)
	for range 2 { // the second round starts where the first ended
		b.Ring()
		if wait(t, b, 0) {
			t.Error("a bell that was not armed was heard")
		}
		b.Arm()
		b.Arm()
		if wait(t, b, 0) {
			t.Error("a bell was heard before it was rung")
		}
		b.Ring()
		b.Ring()
		if !wait(t, b, 0) {
			t.Error("an armed bell was not heard")
		}
		b.Hush()
		if wait(t, b, 0) {
			t.Error("a bell was heard after Hush")
		}
	}
}

// TestNoRingIsLost has a consumer sleep whenever a producer's number has not changed: a lost ring is
// a poll that times out.
func TestNoRingIsLost(t *testing.T) {
	const last = 50_000
	b := open(t)
	var number atomic.Uint32
	go func() {
		for range last {
			number.Add(1)
			b.Ring()
		}
	}()
	slept := 0
	for seen := uint32(0); seen < last; {
		b.Hush()
		if n := number.Load(); n != seen {
			seen = n
			continue
		}
		if b.Arm(); number.Load() != seen {
			continue
		}
		slept++
		if !wait(t, b, 10_000) && number.Load() == seen {
			t.Fatalf("asleep for 10 s after number %d of %d", seen, last)
		}
	}
	t.Logf("slept %d times", slept)
}

func TestClosingAnUnopenedBellIsNoError(t *testing.T) {
	var b Bell
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestRingAndArmAllocateNothing(t *testing.T) {
	b := open(t)
	if n := testing.AllocsPerRun(100, func() { b.Arm(); b.Ring(); b.Hush() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
