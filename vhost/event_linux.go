package vhost

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/doorbell"
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

// A caller tells the guest that its ring has something new, by the eventfd it gave. The frontend has that open as well, and nothing it
// does with it keeps the worker: see package doorbell. Where the kernel does not do that, release frees the worker.
//
// Thread-safety: call is for the worker inside the ring's gate, set for the session with the gate closed,
// release for any other goroutine.
type caller struct {
	bell doorbell.Bell

	mu sync.Mutex // set against release
	fd int        // -1: there is none, the guest polls
}

// call tells the guest.
func (c *caller) call() {
	if c.fd >= 0 {
		c.bell.Ring(c.fd)
	}
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

// release takes a worker out of a call in which the frontend keeps it, and reports whether there was one.
func (c *caller) release() (was bool, err error) {
	if _, writing := c.bell.Writes(); !writing {
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return false, nil
	}
	return c.bell.Free(c.fd)
}
