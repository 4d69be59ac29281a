package cpu

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Pin binds the calling thread to one CPU. The goroutine must be locked to its thread, and stay so:
// when it ends without unlocking, the runtime ends the thread rather than reuse it. Who polls without a rest takes a
// [Seat] instead.
func Pin(cpu int) error {
	if err := checkCPU(cpu); err != nil {
		return err
	}
	if err := setAffinity(0, SetOf(cpu)); err != nil {
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	return nil
}

func checkCPU(cpu int) error {
	if cpu < 0 || cpu >= MaxCPUs {
		return fmt.Errorf("pin to CPU %d: want 0 to %d", cpu, MaxCPUs-1)
	}
	return nil
}

// Affinity returns the CPUs the calling thread may run on.
func Affinity() (Set, error) { return affinity(0) }

// affinity returns the CPUs a thread may run on; 0 is the calling one.
func affinity(tid int) (Set, error) {
	var u unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &u); err != nil {
		return Set{}, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var s Set
	for c := range MaxCPUs {
		if u.IsSet(c) {
			s.Add(c)
		}
	}
	return s, nil
}

// Confine binds every thread of the process to set, but for those that have a [Seat]. Threads made later inherit the mask
// of the one that makes them.
func Confine(set Set) error {
	if set.Empty() {
		return errors.New("confine the process: no CPU given")
	}
	seats.mu.Lock()
	defer seats.mu.Unlock()
	seats.home = set
	err := eachThread(func(tid int) error {
		if seats.taken[tid] != nil {
			return nil
		}
		return setAffinity(tid, set)
	})
	if err != nil {
		return fmt.Errorf("confine the process to CPUs %v: %w", set, err)
	}
	return nil
}

func threads() ([]int, error) {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	tids := make([]int, 0, len(entries))
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, fmt.Errorf("thread id %q: %w", e.Name(), err)
		}
		tids = append(tids, tid)
	}
	return tids, nil
}

func setAffinity(tid int, set Set) error {
	var u unix.CPUSet
	for c := range set.All() {
		u.Set(c)
	}
	if err := unix.SchedSetaffinity(tid, &u); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	return nil
}

// monotonicNow returns CLOCK_MONOTONIC in nanoseconds.
func monotonicNow() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("cpu: no monotonic clock: " + err.Error())
	}
	return ts.Nano()
}
