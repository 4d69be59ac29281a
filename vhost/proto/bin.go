package proto

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A Bin handles descriptors that others have sent, which may be of any kind. close(2) and fstat(2) can ask whoever has the
// file: the daemon of a FUSE file system (FUSE_FLUSH, FUSE_GETATTR), or the other end of a socket that lingers. That one may never
// answer. So a bin has a goroutine make the call and waits for it a moment only. The zero value is ready to use.
//
// Thread-safety: all methods are safe for concurrent use.
type Bin struct{ stuck atomic.Int32 } // descriptors whose calls have not come back

const (
	// closeWait is how long is waited for close(2), so that nearly always descriptors are closed when they should be.
	closeWait = 10 * time.Millisecond
	// mostStuck is how many descriptors there may be whose calls do not come back, before nobody is listened to. There are more only by
	// the rest of a message's, for which one thread waits.
	mostStuck = 16
)

// ErrStuck is what becomes of a call that does not come back.
var ErrStuck = errors.New("whoever has the file does not answer")

// Full reports whether calls for so many descriptors do not come back that nobody should be listened to before some do.
func (b *Bin) Full() bool { return b.stuck.Load() >= mostStuck }

// Close closes descriptors, those that are any, at some time, one behind the other: of many that do not come back, one thread waits.
// Nothing was written through them that an error could be about.
func (b *Bin) Close(fds ...int) {
	open := make([]int, 0, len(fds))
	for _, fd := range fds {
		if fd >= 0 {
			open = append(open, fd)
		}
	}
	if len(open) == 0 {
		return
	}
	b.stuck.Add(int32(len(open)))
	_ = await(closeWait, func() error {
		for _, fd := range open {
			unix.Close(fd)
			b.stuck.Add(-1)
		}
		return nil
	})
}

// Look has look find something out about a descriptor, within a limit of time. The descriptor remains the caller's unless the error is
// ErrStuck: then it is closed when look has come back.
func (b *Bin) Look(fd int, limit time.Duration, look func(fd int) error) error {
	var late atomic.Bool
	b.stuck.Add(1)
	err := await(limit, func() error {
		defer b.stuck.Add(-1)
		err := look(fd)
		if !late.CompareAndSwap(false, true) {
			unix.Close(fd)
		}
		return err
	})
	if errors.Is(err, ErrStuck) && !late.CompareAndSwap(false, true) {
		b.Close(fd) // it has come back just now
	}
	return err
}

// await waits for do no longer than the limit.
func await(limit time.Duration, do func() error) error {
	back := make(chan error, 1)
	go func() { back <- do() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-back:
		return err
	case <-timer.C:
		return fmt.Errorf("%w within %v", ErrStuck, limit)
	}
}
