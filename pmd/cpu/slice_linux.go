package cpu

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// shortSlice is the shortest that the kernel grants (Linux, __setparam_fair in kernel/sched/syscalls.c).
const shortSlice = 100 * time.Microsecond

// ShortSlices makes every thread of the process ask the kernel for the CPU in short slices, of a tenth of a
// millisecond instead of some three. A thread that wakes up then need not wait until somebody else's longer slice is
// over (Linux 6.12, where slices are a thread's own: sched_runtime of SCHED_OTHER in sched_setattr(2); kernels before ignore
// it). Threads that have a [Seat] get the kernel's usual slices: who runs all the time has no use for short turns.
//
// Threads made later inherit it from the one that makes them. Threads that are not scheduled as ordinary ones are left alone.
func ShortSlices() error {
	seats.mu.Lock()
	defer seats.mu.Unlock()
	seats.slice = shortSlice
	err := eachThread(func(tid int) error {
		if seats.taken[tid] != nil {
			return nil
		}
		return setSlice(tid, shortSlice)
	})
	if err != nil {
		return fmt.Errorf("short slices: %w", err)
	}
	return nil
}

// setSlice sets the slice of a thread, 0 being the calling one; no slice stands for the kernel's own choice.
func setSlice(tid int, slice time.Duration) error {
	a, err := unix.SchedGetAttr(tid, 0)
	if err != nil {
		return fmt.Errorf("sched_getattr: %w", err)
	}
	if a.Policy != unix.SCHED_NORMAL {
		return nil
	}
	a.Runtime = uint64(slice)
	if err := unix.SchedSetAttr(tid, a, 0); err != nil {
		return fmt.Errorf("sched_setattr: %w", err)
	}
	return nil
}

// eachThread calls f for every thread of the process, also for those that are made meanwhile by one that f has not seen.
func eachThread(f func(tid int) error) error {
	done := make(map[int]bool)
	for found := true; found; {
		tids, err := threads()
		if err != nil {
			return err
		}
		found = false
		for _, tid := range tids {
			if done[tid] {
				continue
			}
			found, done[tid] = true, true
			// A thread may end between the walk and the call.
			if err := f(tid); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("thread %d: %w", tid, err)
			}
		}
	}
	return nil
}
