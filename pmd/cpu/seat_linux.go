package cpu

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lookEvery is how often Keep sees whether the goroutine has another thread: a system call of 0.16 µs, so 0.16 % of the time.
	lookEvery = int64(100 * time.Microsecond)
	// yieldEvery is how often Keep yields. The runtime's monitor takes goroutines off that run for 10 ms without a break
	// (runtime/proc.go, forcePreemptNS). Yielding took 0.06 µs (BenchmarkKeep).
	yieldEvery = int64(4 * time.Millisecond)
)

// A Seat keeps a goroutine that never rests on one CPU, and the Go runtime from taking it off. Such a goroutine must not be
// locked to its thread (runtime.LockOSThread), though that is what binding to a CPU is usually made of:
//
// The runtime's monitor preempts what has run for 10 ms, whether or not others wait. A goroutine that is locked to its
// thread gets its processor back by way of another thread, which first needs a CPU itself, and all others belong to guests
// or the control plane: the goroutine stands still for 30 µs 50 to 80 times a second, and for milliseconds now and then
// (traced by sched_switch, docs/performance.md). So Keep yields before the monitor loses patience, to nobody as a rule,
// and that only a goroutine without a lock can do on its own thread.
//
// The price is that the runtime may give the goroutine to another thread, for example at a collection of garbage. Keep sees that
// within 0.1 ms, binds the new thread and lets the old one go.
//
// Threads that the runtime makes from a bound one are bound as well: somebody must call [Tidy] every second or so.
//
// Thread-safety: a Seat belongs to the goroutine that took it.
type Seat struct {
	cpu   int // -1: any
	tid   int // thread that the goroutine had when it was last looked at
	look  int64
	yield int64
}

// Take binds the calling goroutine to a CPU; with -1 it may run on any, and Keep only yields. Leave ends that.
func Take(cpu int) (*Seat, error) {
	s := &Seat{cpu: cpu}
	if cpu < 0 {
		return s, nil
	}
	if err := checkCPU(cpu); err != nil {
		return nil, err
	}
	if err := seats.take(s); err != nil {
		return nil, fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	return s, nil
}

// Keep is to be called once per cycle of the goroutine's loop, with the time in nanoseconds of any clock that does not go
// back. Most calls are one comparison. It reports whether the runtime had given the goroutine another thread, which is
// bound now.
func (s *Seat) Keep(now int64) (moved bool) {
	if now < s.look {
		return false
	}
	return s.keep(now)
}

// keep looks, and yields if it is time.
func (s *Seat) keep(now int64) (moved bool) {
	s.look = now + lookEvery
	if now >= s.yield {
		s.yield = now + yieldEvery
		goyield()
	}
	if s.cpu < 0 || thread() == s.tid {
		return false
	}
	return seats.follow(s)
}

// Leave lets the goroutine's thread run where the others of the process do.
func (s *Seat) Leave() {
	if s.cpu >= 0 {
		_ = seats.leave(s) // of threads that cannot be listed, those that are bound stay so
	}
}

// thread returns the calling thread's id.
func thread() int {
	tid, _ := unix.RawSyscallNoError(unix.SYS_GETTID, 0, 0, 0)
	return int(tid)
}
