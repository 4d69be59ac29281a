package frontend

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A bell is one of a ring's two eventfds: kick, which the back end reads, or call, which it writes to.
//
// A read does not block. A write does not, either, unless the back end takes O_NONBLOCK off, since the descriptor is its
// own as well, and then sees to it that the counter is full. The port looks for workers that are stuck like that, and
// frees them: see guard.
//
// Thread-safety: ring and hush are for the worker, first for the session, stuck and free for the guard.
type bell struct {
	fd   int
	seq  atomic.Uint32 // odd while the worker may be kept in the kernel
	seen uint32        // the guard's: seq when it last looked
	one  [8]byte       // what is written; constant
	word [8]byte       // the worker's: where reads go
	iov  [1][]byte     // that, as a list
}

// open makes the descriptor.
func (b *bell) open() (err error) {
	if b.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		b.fd = -1
		return fmt.Errorf("create eventfd: %w", err)
	}
	binary.NativeEndian.PutUint64(b.one[:], 1)
	return nil
}

// ring makes the descriptor readable.
func (b *bell) ring() {
	b.seq.Add(1)
	b.write()
	b.seq.Add(1)
}

func (b *bell) write() {
	for {
		// A counter that is full is readable, too: EINTR is all there is to be done about.
		if _, err := unix.Write(b.fd, b.one[:]); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// first is ring for a ring that begins. It does not block: the descriptor is made one that does not.
func (b *bell) first() error {
	if err := unix.SetNonblock(b.fd, true); err != nil {
		return err
	}
	b.write()
	return nil
}

// hush takes away what makes the descriptor readable, if anything does. That the flag of the call says not to wait counts
// whatever the descriptor's own flags are (Linux 5.9).
func (b *bell) hush() {
	b.iov[0] = b.word[:]
	_, _ = unix.Preadv2(b.fd, b.iov[:], -1, unix.RWF_NOWAIT) // EAGAIN: nobody rang
}

// stuck reports whether the worker has been in the kernel since the last time it was asked, and cannot go on: the counter
// is full. One that could is only slow, as everything is on a machine with too much to do.
func (b *bell) stuck() bool {
	was := b.seen
	b.seen = b.seq.Load()
	if b.seen&1 == 0 || b.seen != was {
		return false
	}
	full := []unix.PollFd{{Fd: int32(b.fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(full, 0)
	return err == nil && n == 0
}

// free makes room in the counter, which a stuck worker waits for.
func (b *bell) free() error {
	if err := unix.SetNonblock(b.fd, true); err != nil {
		return err
	}
	var word [8]byte
	_, _ = unix.Read(b.fd, word[:]) // EAGAIN: the worker is out
	return nil
}

func (b *bell) close() error {
	if b.fd < 0 {
		return nil
	}
	return unix.Close(b.fd)
}
