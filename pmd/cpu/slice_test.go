package cpu

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sliceOf returns what a thread has asked for; the kernel tells its own choice where it has asked for nothing.
func sliceOf(t *testing.T, tid int) time.Duration {
	a, err := unix.SchedGetAttr(tid, 0)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(a.Runtime)
}

func TestThreadsHaveShortSlicesAndThoseWithASeatTheUsualOnes(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	usual := sliceOf(t, 0)
	if usual <= shortSlice {
		t.Skipf("this kernel does not say what slices threads have: %v (Linux before 6.12)", usual)
	}
	if err := ShortSlices(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		seats.slice = 0
		if err := eachThread(func(tid int) error { return setSlice(tid, 0) }); err != nil {
			t.Error(err)
		}
	})
	tids, err := threads()
	if err != nil {
		t.Fatal(err)
	}
	for _, tid := range tids {
		if a, err := unix.SchedGetAttr(tid, 0); err == nil && a.Policy == unix.SCHED_NORMAL && time.Duration(a.Runtime) != shortSlice {
			t.Errorf("thread %d has slices of %v, want %v", tid, time.Duration(a.Runtime), shortSlice)
		}
	}
	seat, err := Take(lastCPU(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := sliceOf(t, 0); got != usual {
		t.Errorf("the thread of the seat has slices of %v, want %v as before", got, usual)
	}
	seat.Leave()
	if got := sliceOf(t, 0); got != shortSlice {
		t.Errorf("the thread that had the seat has slices of %v, want %v as others", got, shortSlice)
	}
}
