package pmd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

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
// timer (timerfd, because poll's own timeout has 50 µs of slack).
//
// It polls instead of keeping an epoll set, so that nobody waits on the descriptors while the worker is
// awake: with a waiter registered, each packet that the kernel delivers to an AF_XDP socket walks the
// socket's wait queue, on the sender's CPU. On veth that took a tenth of the rate a sender reaches
// (0.42-0.53 against 0.55-0.58 Mpps, culvert bench run --rows afxdp-packets in turns, 2026-11-21). A sleep costs time for each
// descriptor instead.
//
// All are level-triggered. The bell is emptied by wait; the timer is rewound by the next wait; queues
// empty themselves when they are polled.
type waiter struct {
	bell, timer int           // -1: closed
	fds         []unix.PollFd // bell, timer, then queues'
	one, drain  [8]byte       // what is written to and read from the bell
	errs        []int32       // descriptors that signalled an error and nothing else
}

// Places in waiter.fds.
const (
	bellAt = iota
	timerAt
	queuesAt
)

func closedWaiter() waiter { return waiter{bell: -1, timer: -1} }

func (w *waiter) open() (err error) {
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if w.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return fmt.Errorf("timerfd_create: %w", err)
	}
	return errors.Join(w.add(w.bell), w.add(w.timer))
}

// isOpen reports whether the waiter can be waited on.
func (w *waiter) isOpen() bool { return w.bell >= 0 }

func (w *waiter) close() {
	for _, fd := range []*int{&w.bell, &w.timer} {
		if *fd >= 0 {
			// Nothing is lost when closing these reports an error: the descriptor is gone either way.
			_ = unix.Close(*fd)
		}
		*fd = -1
	}
	w.fds, w.errs = w.fds[:0], w.errs[:0]
}

// add waits for fd, too. A descriptor that is not open, or always ready, is an error.
func (w *waiter) add(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("wait for descriptor %d: %w", fd, err)
	}
	if kind := st.Mode & unix.S_IFMT; kind == unix.S_IFREG || kind == unix.S_IFDIR {
		return fmt.Errorf("wait for descriptor %d: a file is always ready", fd)
	}
	w.fds = append(w.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	w.errs = slices.Grow(w.errs[:0], len(w.fds))
	return nil
}

// remove no longer waits for fd.
func (w *waiter) remove(fd int) {
	w.fds = slices.DeleteFunc(w.fds, func(p unix.PollFd) bool { return p.Fd == int32(fd) })
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
	w.errs = w.errs[:0]
	if _, err := unix.Poll(w.fds, -1); err != nil {
		if err == unix.EINTR {
			return wokenByNothing
		}
		panic("pmd: poll: " + err.Error()) // only bad arguments fail
	}
	by := wokenByNothing
	if w.fds[timerAt].Revents != 0 {
		by = wokenByTimer
	}
	if w.fds[bellAt].Revents != 0 {
		_, _ = unix.Read(w.bell, w.drain[:])
		by = wokenByBell
	}
	for i := range w.fds[queuesAt:] {
		p := &w.fds[queuesAt+i]
		if p.Revents == 0 {
			continue
		}
		by = wokenByQueue
		if p.Revents&unix.POLLIN == 0 {
			w.errs = append(w.errs, p.Fd)
		}
	}
	return by
}

// failed returns the descriptors that, in the last wait, signalled an error or the peer's end and
// nothing to receive.
func (w *waiter) failed() []int32 { return w.errs }
