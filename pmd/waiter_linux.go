package pmd

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// wakeReason says what ended a wait.
type wakeReason uint8

// Reasons, the stronger ones last: a wait may end for several at once.
const (
	wokenByNothing wakeReason = iota // a signal
	wokenByTimer
	wokenByBell
	wokenByQueue
)

// A waiter is what a worker sleeps on: queues' descriptors, a bell (eventfd) that others ring, and a
// timer (timerfd, because epoll's own timeout counts in milliseconds and has 50 µs of slack).
//
// All are level-triggered. The bell is emptied by wait; the timer is rewound by the next wait; queues
// empty themselves when they are polled.
type waiter struct {
	epoll, bell, timer int // -1: closed
	events             [64]unix.EpollEvent
	one, drain         [8]byte   // what is written to and read from the bell
	errs               [64]int32 // descriptors that signalled an error and nothing else
	nerrs              int
}

func closedWaiter() waiter { return waiter{epoll: -1, bell: -1, timer: -1} }

func (w *waiter) open() (err error) {
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	if w.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if w.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return fmt.Errorf("timerfd_create: %w", err)
	}
	return errors.Join(w.add(w.bell), w.add(w.timer))
}

func (w *waiter) close() {
	for _, fd := range []*int{&w.epoll, &w.bell, &w.timer} {
		if *fd >= 0 {
			// Nothing is lost when closing these reports an error: the descriptor is gone either way.
			_ = unix.Close(*fd)
		}
		*fd = -1
	}
}

// add waits for fd, too.
func (w *waiter) add(fd int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl add %d: %w", fd, err)
	}
	return nil
}

// remove no longer waits for fd. A descriptor closed meanwhile has removed itself.
func (w *waiter) remove(fd int) {
	_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, fd, nil)
}

// ring ends a wait, the current or the next. One caller at a time.
func (w *waiter) ring() {
	if w.bell < 0 {
		return
	}
	binary.NativeEndian.PutUint64(w.one[:], 1)
	// EAGAIN means that the counter is full: it has been rung.
	_, _ = unix.Write(w.bell, w.one[:])
}

// wait sleeps until something happens, at most ns nanoseconds, and says what.
func (w *waiter) wait(ns int64) wakeReason {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, ns))}
	if err := unix.TimerfdSettime(w.timer, 0, &spec, nil); err != nil {
		panic("pmd: timerfd_settime: " + err.Error()) // only bad arguments fail
	}
	w.nerrs = 0
	n, err := unix.EpollWait(w.epoll, w.events[:], -1)
	if err != nil {
		if err == unix.EINTR {
			return wokenByNothing
		}
		panic("pmd: epoll_wait: " + err.Error()) // only bad arguments fail
	}
	by := wokenByNothing
	for i := range n {
		switch int(w.events[i].Fd) {
		case w.timer:
			by = max(by, wokenByTimer)
		case w.bell:
			_, _ = unix.Read(w.bell, w.drain[:])
			by = max(by, wokenByBell)
		default:
			by = wokenByQueue
			if w.events[i].Events&unix.EPOLLIN == 0 {
				w.errs[w.nerrs] = w.events[i].Fd
				w.nerrs++
			}
		}
	}
	return by
}

// failed returns the descriptors that, in the last wait, signalled an error or the peer's end and
// nothing to receive.
func (w *waiter) failed() []int32 { return w.errs[:w.nerrs] }
