package vhost

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A waker is what a worker sleeps on for one receive queue: one descriptor for the port's life, whatever
// descriptors the guest's kicks come by.
//
//	waker (epoll) ◀─ kick eventfd of the guest, while there is one
//	              ◀─ bell, an eventfd of the port's own
//
// Both are edge-triggered, so the waker is quiet again when it was asked what is ready: nobody has to read the
// guest's descriptor, which is the guest's as well.
//
// Thread-safety: hush is for the worker, everything else for the session.
type waker struct {
	ep, bell int
	ready    [4]unix.EpollEvent
}

func (w *waker) open() (err error) {
	w.ep, w.bell = -1, -1
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	if w.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	return w.add(w.bell)
}

// fd returns the descriptor to sleep on.
func (w *waker) fd() int { return w.ep }

// add has fd wake the worker, too.
func (w *waker) add(fd int) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(fd)}
	if err := unix.EpollCtl(w.ep, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("wait for descriptor %d: %w", fd, err)
	}
	return nil
}

// remove undoes add, before fd is closed: the guest has it open as well, and closing it here alone would not.
func (w *waker) remove(fd int) error {
	if err := unix.EpollCtl(w.ep, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		return fmt.Errorf("wait no more for descriptor %d: %w", fd, err)
	}
	return nil
}

// ring wakes the worker. The counter is never read: it is full after 2^64 rings.
func (w *waker) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(w.bell, one[:])
}

// hush makes the waker quiet until something new happens.
func (w *waker) hush() {
	for {
		if n, err := unix.EpollWait(w.ep, w.ready[:], 0); n < len(w.ready) && err != unix.EINTR {
			return
		}
	}
}

func (w *waker) close() error {
	var err error
	for _, fd := range []*int{&w.bell, &w.ep} {
		if *fd >= 0 {
			err = errors.Join(err, unix.Close(*fd))
		}
		*fd = -1
	}
	return err
}
