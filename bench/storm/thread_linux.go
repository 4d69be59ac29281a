package storm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	proc "github.com/culvertdev/culvert/bench/machine"
)

// A thread is one of the process, as the kernel's scheduler knows it.
type thread struct {
	schedstat *os.File
	clock     int32 // runs while the thread does
}

// follow sees to it that r.worker is the thread that the worker has.
func (r *rig) follow() error {
	moves := r.sw.Stats().Workers[0].Moves
	if r.worker.schedstat != nil && moves == r.moves {
		return nil
	}
	for end := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) { // it has none that is bound for a moment when it has moved
		t, err := pinned(r.cpu)
		if err == nil {
			r.worker.close()
			r.worker, r.moves = t, moves
			return nil
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// pinned finds the thread that may run on one CPU only, and has run there most.
func pinned(cpu int) (t thread, err error) {
	dir, err := proc.Alone(os.Getpid(), cpu)
	if err != nil {
		return t, err
	}
	if dir == "" {
		return t, fmt.Errorf("find the worker's thread: none is pinned to CPU %d alone", cpu)
	}
	id, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return t, err
	}
	t.clock = threadClock(id)
	t.schedstat, err = os.Open(dir + "/schedstat")
	return t, err
}

// threadClock returns the id of the clock that runs while a thread does: the inverted thread id above three bits, of
// which one says that it is a thread's and one that it is the scheduler's (Linux, include/linux/posix-timers.h).
func threadClock(id int) int32 {
	const perThread, sched = 4, 2
	return int32(^id)<<3 | perThread | sched
}

// times returns how long the thread has run, to the nanosecond also while it does, and how long it had waited for its CPU,
// because somebody else had it, by the last time that it got it (Linux, Documentation/scheduler/sched-stats.rst). It
// takes some two microseconds.
func (t thread) times() (ran, waited time.Duration, err error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(t.clock, &ts); err != nil {
		return 0, 0, fmt.Errorf("read the clock of the worker's thread: %w", err)
	}
	var own [64]byte
	n, err := unix.Pread(int(t.schedstat.Fd()), own[:], 0) // no garbage: it is asked while allocations are counted
	if err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", t.schedstat.Name(), err)
	}
	_, rest, _ := bytes.Cut(own[:n], []byte(" "))
	wait, _, _ := bytes.Cut(rest, []byte(" "))
	ns, err := strconv.ParseInt(string(wait), 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", t.schedstat.Name(), err)
	}
	return time.Duration(ts.Nano()), time.Duration(ns), nil
}

// close ends the use of t, which may be the zero value.
func (t thread) close() {
	if t.schedstat != nil {
		_ = t.schedstat.Close() // it was read only
	}
}

// exactTimers makes the calling thread's sleeps as short as they are meant to be and returns what undoes
// that: the kernel otherwise lets each last 50 us longer (prctl(2), PR_SET_TIMERSLACK).
func exactTimers() (undo func()) {
	// Without it rounds are longer, nothing else.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	return func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) } // 0: the default
}

// precede lets the calling thread have its CPU nearly the moment it wants it, and returns what undoes that. The hosts
// share a CPU with whoever changes rules and with the collector, which the kernel would let run for milliseconds while
// packets are due: it gives way at once only to a thread that asks for shorter slices (Linux 6.12).
func precede() (undo func()) {
	// Who is not root runs with the others, and the result says how many packets were late.
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Nice: -20, Runtime: uint64(tick)}, 0)
	return func() { _ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr}, 0) }
}
