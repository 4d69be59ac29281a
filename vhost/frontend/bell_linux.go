package frontend

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/vhost/doorbell"
)

// A bell is one of a ring's two eventfds: kick, which the back end reads, or call, which it writes to.
//
// Neither waits for the back end, whatever it does with the descriptor, which is its own as well: reading says so in each call, and
// for writing see package doorbell. Where the kernel does not do that, the port looks for workers that are kept, and frees
// them: see guard.
//
// Thread-safety: ring and hush are for the worker, or for the session while the worker cannot; free for the guard.
type bell struct {
	fd   int
	bell doorbell.Bell
	word [8]byte   // the worker's: where reads go
	iov  [1][]byte // that, as a list
}

// open makes the descriptor.
func (b *bell) open() (err error) {
	if b.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		b.fd = -1
		return fmt.Errorf("create eventfd: %w", err)
	}
	_ = b.bell.Open() // it writes if that fails
	return nil
}

// ring makes the descriptor readable.
func (b *bell) ring() { b.bell.Ring(b.fd) }

// hush takes away what makes the descriptor readable, if anything does. That the flag of the call says not to wait counts
// whatever the descriptor's own flags are (Linux 5.9).
func (b *bell) hush() {
	b.iov[0] = b.word[:]
	_, _ = unix.Preadv2(b.fd, b.iov[:], -1, unix.RWF_NOWAIT) // EAGAIN: nobody rang
}

// free takes the worker out of the kernel if the back end keeps it there, and reports whether it did.
func (b *bell) free() (was bool, err error) {
	if _, writing := b.bell.Writes(); !writing {
		return false, nil
	}
	return b.bell.Free(b.fd)
}

func (b *bell) close() error {
	if b.fd < 0 {
		return nil
	}
	b.bell.Close()
	return unix.Close(b.fd)
}
