package storm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A thread is one of the process, as the kernel's scheduler knows it.
type thread struct {
	schedstat string
	clock     int32 // that runs while the thread does
}

// pinned finds the thread that may run on one CPU only.
func pinned(cpu int) (thread, error) {
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return thread{}, err
	}
	want := []byte("\nCpus_allowed_list:\t" + strconv.Itoa(cpu) + "\n")
	for _, dir := range tasks {
		// A thread may end while we look.
		if status, err := os.ReadFile(dir + "/status"); err == nil && bytes.Contains(status, want) {
			id, err := strconv.Atoi(filepath.Base(dir))
			return thread{schedstat: dir + "/schedstat", clock: threadClock(id)}, err
		}
	}
	return thread{}, fmt.Errorf("find the worker's thread: none is pinned to CPU %d alone", cpu)
}

// times returns how long the thread has run, and how long it has waited for its CPU because somebody
// else had it (Linux, Documentation/scheduler/sched-stats.rst).
func (t thread) times() (ran, waited time.Duration, err error) {
	text, err := os.ReadFile(t.schedstat)
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(string(text), &ran, &waited); err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", t.schedstat, err)
	}
	return ran, waited, nil
}

// threadClock returns the id of the clock that runs while a thread does: the inverted thread id above three bits, of
// which one says that it is a thread's and one that it is the scheduler's (Linux, include/linux/posix-timers.h).
func threadClock(id int) int32 {
	const perThread, sched = 4, 2
	return int32(^id)<<3 | perThread | sched
}

// ran returns for how long the thread has run, to the nanosecond also while it does.
func (t thread) ran() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(t.clock, &ts); err != nil {
		return 0, fmt.Errorf("read the clock of the worker's thread: %w", err)
	}
	return time.Duration(ts.Nano()), nil
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
