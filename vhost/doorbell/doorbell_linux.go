// Package doorbell rings eventfds that another process has open as well, and never waits for that one.
//
// write(2) waits while an eventfd's counter is full, unless the file has O_NONBLOCK. That flag and the counter belong to whoever has the
// file: a process that takes the flag off and fills the counter holds who writes, for as long as it likes. Looking at the flag before
// each write is a race. The kernel itself adds to eventfds without waiting (eventfd_signal: a full counter stays full), and does so
// for a process that asks for it as the notice of an asynchronous operation that is complete at once (io_submit(2), aio_resfd;
// Linux 4.18). That costs 0.2 to 0.3 µs more than write (BenchmarkRing).
//
// Where a kernel has no asynchronous operations, or too many are in use (fs.aio-max-nr), it is write all the same, and
// Free takes a thread out of it whatever the other side does.
//
// What it cannot help: whoever has an eventfd may have thousands wait for it, and each call wakes all.
//
// Sources: Linux fs/eventfd.c, fs/aio.c, include/uapi/linux/aio_abi.h.
package doorbell

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// inFlight is how many operations are complete and not taken back at most: once in so many rings that takes a system call.
const inFlight = 32

// A Bell rings eventfds, one at a time. The zero value is one without asynchronous operations. It must not be copied.
//
// Thread-safety: Ring is for one goroutine at a time; Open and Close for when nobody rings; Free for any other goroutine.
type Bell struct {
	context  uintptr // of asynchronous operations; 0: none
	null     int     // what is always ready
	complete int     // operations since they were taken back
	op       iocb
	ops      [1]*iocb
	events   [inFlight]event

	writes atomic.Uint32 // odd while in write(2)
	one    [8]byte
}

// Open makes ready for Ring. It fails where there are no asynchronous operations to be had: Ring writes then, and may need Free.
func (b *Bell) Open() error {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/null: %w", err)
	}
	context, errno := setup(inFlight)
	if errno != 0 {
		unix.Close(null)
		return fmt.Errorf("io_setup: %w", errno)
	}
	b.context, b.null, b.complete = context, null, 0
	return nil
}

// IsOpen reports whether there are asynchronous operations, by which Ring does not wait.
func (b *Bell) IsOpen() bool { return b.context != 0 }

// Ring adds one to the counter of the eventfd, or leaves it full. Where the kernel refuses an asynchronous operation, it writes.
func (b *Bell) Ring(fd int) {
	if !b.Try(fd) {
		b.write(fd)
	}
}

// Try is Ring where that waits for nobody, and reports whether it was.
func (b *Bell) Try(fd int) bool { return b.context != 0 && b.signal(fd) }

// signal has the kernel ring, and reports whether it did.
func (b *Bell) signal(fd int) bool {
	if b.complete == inFlight {
		b.reap()
	}
	b.op = iocb{opcode: opPoll, fd: uint32(b.null), buffer: unix.POLLIN, flags: flagResFD, resfd: uint32(fd)}
	b.ops[0] = &b.op
	b.complete++
	if submit(b.context, &b.ops) {
		return true
	}
	b.reap() // others may have been slower to give room back
	return submit(b.context, &b.ops)
}

// reap takes back what is complete.
func (b *Bell) reap() {
	reap(b.context, &b.events)
	b.complete = 0
}

func (b *Bell) write(fd int) {
	binary.NativeEndian.PutUint64(b.one[:], 1)
	b.writes.Add(1)
	_, _ = unix.Write(fd, b.one[:]) // EAGAIN: the counter is full, which rings as well
	b.writes.Add(1)
}

// Close gives back what Open took. Nobody waits for the kernel to be done with it, which takes some milliseconds.
func (b *Bell) Close() {
	if b.context == 0 {
		return
	}
	go destroy(b.context)
	unix.Close(b.null)
	b.context = 0
}
