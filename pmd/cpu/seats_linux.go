package cpu

import (
	"fmt"
	"sync"
	"time"
)

// seats are those that are taken in this process.
var seats seating

// A seating knows the threads of the goroutines that have a [Seat].
type seating struct {
	mu    sync.Mutex
	taken map[int]*Seat // by thread
	home  Set           // where the other threads run; known while seats are taken
	slice time.Duration // of the other threads; 0: the kernel's choice
}

// take gives s, which is new, the calling thread.
func (a *seating) take(s *Seat) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.taken) == 0 {
		home, err := affinity(0)
		if err != nil {
			return err
		}
		a.taken, a.home = make(map[int]*Seat), home
	}
	return a.bind(s)
}

// follow gives s the calling thread, and reports whether it has. The one that it had before goes home. It does not wait for
// others who change seats, and who calls it tries again then. A CPU that was there and is not any more is no reason to: the
// kernel has put the thread elsewhere.
func (a *seating) follow(s *Seat) (bound bool) {
	if !a.mu.TryLock() {
		return false
	}
	defer a.mu.Unlock()
	return a.bind(s) == nil
}

// bind is for who has the lock. The goroutine may get another thread at any time, here too: what was bound then is a thread
// that it no longer has, which is what Keep looks for.
func (a *seating) bind(s *Seat) error {
	a.release(s)
	s.tid = thread()
	if err := setAffinity(s.tid, SetOf(s.cpu)); err != nil {
		return err
	}
	_ = setSlice(s.tid, 0) // where the kernel refuses, its slices are as short as those of others
	a.taken[s.tid] = s
	return nil
}

// release sends the thread that s has home, unless another seat has got it meanwhile.
func (a *seating) release(s *Seat) {
	if a.taken[s.tid] != s {
		return
	}
	delete(a.taken, s.tid)
	a.sendHome(s.tid)
}

// sendHome makes a thread one of the others. It may have ended.
func (a *seating) sendHome(tid int) {
	_ = setAffinity(tid, a.home)
	_ = setSlice(tid, a.slice)
}

// leave ends s.
func (a *seating) leave(s *Seat) error {
	a.mu.Lock()
	a.release(s)
	a.mu.Unlock()
	return a.tidy(SetOf(s.cpu))
}

// tidy sends threads home that are bound to one of cpus alone and that no seat has. It has the lock for one thread at a time.
func (a *seating) tidy(cpus Set) error {
	return eachThread(func(tid int) error {
		set, err := affinity(tid)
		if err != nil || set.Len() != 1 || set.And(cpus).Empty() {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.taken[tid] == nil && set != a.home {
			a.sendHome(tid)
		}
		return nil
	})
}

// Tidy sends threads home that the Go runtime has made from a thread with a [Seat], whose binding they inherited. A thread
// that the program itself has bound to the CPU of a seat, and to no other, is taken for one of those.
func Tidy() error {
	var cpus Set
	seats.mu.Lock()
	for _, s := range seats.taken {
		cpus.Add(s.cpu)
	}
	seats.mu.Unlock()
	if cpus.Empty() {
		return nil
	}
	if err := seats.tidy(cpus); err != nil {
		return fmt.Errorf("send threads home: %w", err)
	}
	return nil
}
