// Package bell wakes a goroutine that waits for a ring in the same process: an eventfd that is
// written only when the consumer of the ring has said that it is about to sleep. A consumer that keeps
// up costs its producers no system call.
//
// It is not for other processes: vhost has kick and call descriptors of its own.
package bell

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// States of a Bell.
const (
	quiet uint32 = iota // the consumer is awake: nobody rings
	armed               // the consumer is about to sleep: the next ring is wanted
	rung                // the producer has written the descriptor, or is about to
)

// A Bell belongs to one ring. Open it before use.
//
// Thread-safety: Ring is for producers, Arm and Hush for the consumer, FD for all. Who writes state:
// the consumer moves it from quiet to armed and back, a producer from armed to rung, the consumer from
// rung to quiet once it has read the descriptor.
type Bell struct {
	state   atomic.Uint32
	waiting bool // the consumer's: state may be other than quiet
	fd      int
	word    [8]byte // the consumer's: where reads of fd go
	one     [8]byte // what the producer writes; constant
}

// Open creates the descriptor.
func (b *Bell) Open() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("create eventfd: %w", err)
	}
	b.fd = fd
	binary.NativeEndian.PutUint64(b.one[:], 1)
	return nil
}

// FD returns the descriptor that is readable once an armed bell was rung. The bell owns it.
func (b *Bell) FD() int { return b.fd }

// Arm asks for the next ring. The consumer looks at what it consumes after that, not before: the
// atomic store orders the two, so that a producer that saw the bell quiet is not missed.
func (b *Bell) Arm() {
	b.Hush()
	if !b.waiting {
		b.waiting = true
		b.state.Store(armed)
	}
}

// Ring wakes the consumer if it asked to be woken. The producer has pushed before.
func (b *Bell) Ring() {
	if b.state.Load() != armed || !b.state.CompareAndSwap(armed, rung) {
		return
	}
	for {
		// A counter that goes from 0 to 1 has room: EINTR is the only error an open eventfd has here.
		if _, err := unix.Write(b.fd, b.one[:]); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Hush says that the consumer is awake and takes away what makes the descriptor readable. When a
// producer is between its two steps the word is not there yet: the next call finds it.
func (b *Bell) Hush() {
	if b.waiting {
		b.hush()
	}
}

func (b *Bell) hush() {
	if b.state.CompareAndSwap(armed, quiet) {
		b.waiting = false
		return
	}
	if _, err := unix.Read(b.fd, b.word[:]); err == nil {
		b.state.Store(quiet)
		b.waiting = false
	}
}

// Close closes the descriptor. It may be called on a Bell that is not open; nobody may use it after.
func (b *Bell) Close() error {
	if b.fd <= 0 { // the zero Bell is not open: descriptor 0 was taken when the process started
		return nil
	}
	err := unix.Close(b.fd)
	b.fd = -1
	return err
}
