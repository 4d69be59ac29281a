package vhost

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// errNoEventfd is what a frontend gets for descriptors of another kind: writing to a pipe or a file takes as
// long as its other end likes.
var errNoEventfd = errors.New("not an eventfd")

// checkEventfd reports whether fd is an eventfd, and makes it one that does not block.
func checkEventfd(fd int) error {
	kind, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return fmt.Errorf("look at descriptor: %w", err)
	}
	if kind != "anon_inode:[eventfd]" {
		return fmt.Errorf("%w but %s", errNoEventfd, kind)
	}
	return unix.SetNonblock(fd, true)
}

// A caller tells the guest that its ring has something new, by the eventfd it gave.
//
// Writing to it does not block, unless the frontend takes O_NONBLOCK off what is its descriptor as well, and
// fills the counter. Then release frees the worker.
//
// Thread-safety: call is for the worker inside the ring's gate, set for the session with the gate closed,
// release for any other goroutine.
type caller struct {
	seq atomic.Uint32 // odd while the worker writes
	one [8]byte

	mu sync.Mutex // set against release
	fd int        // -1: there is none, the guest polls
}

// call tells the guest.
func (c *caller) call() {
	if c.fd < 0 {
		return
	}
	c.seq.Add(1)
	binary.NativeEndian.PutUint64(c.one[:], 1)
	// EAGAIN: the counter is full of calls already.
	_, _ = unix.Write(c.fd, c.one[:])
	c.seq.Add(1)
}

// set replaces the descriptor by fd, which the caller owns from now on; -1 for none.
func (c *caller) set(fd int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		unix.Close(c.fd) // nothing is lost that an error could tell of
	}
	c.fd = fd
}

// stuck returns a number that stays the same, and is odd, while one call does not come back.
func (c *caller) stuck() (seq uint32, calling bool) {
	seq = c.seq.Load()
	return seq, seq&1 != 0
}

// release takes a worker out of the call that seq is of, if it is kept there: reading an eventfd makes room in it. One whose
// counter is not full keeps nobody; that worker only waits for a CPU.
func (c *caller) release(seq uint32) (was bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seq.Load() != seq || c.fd < 0 {
		return false
	}
	room := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(room, 0); err != nil || n > 0 {
		return false
	}
	var word [8]byte
	_, _ = unix.Read(c.fd, word[:])
	return true
}
