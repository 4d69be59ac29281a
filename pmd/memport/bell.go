package memport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// States of a bell.
const (
	quiet uint32 = iota // the consumer is awake: nobody rings
	armed               // the consumer is about to sleep: the next ring is wanted
	rung                // the producer has written the descriptor, or is about to
)

// A bell wakes the consumer of a ring, and costs a system call only when the consumer has asked to
// be woken.
//
// Thread-safety: ring is for the producer, the other methods for the consumer. Who writes state: the
// consumer moves it from quiet to armed and back, the producer from armed to rung, the consumer from
// rung to quiet once it has read the descriptor.
type bell struct {
	state   atomic.Uint32
	waiting bool // the consumer's: state may be other than quiet
	fd      int
	word    [8]byte // the consumer's: where reads of fd go
	one     [8]byte // what the producer writes; constant
}

func (b *bell) open() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("create eventfd: %w", err)
	}
	b.fd = fd
	binary.NativeEndian.PutUint64(b.one[:], 1)
	return nil
}

// arm asks for the next ring. The consumer looks at its ring after it: the atomic store orders the
// two, so that a producer that pushed before and saw the bell quiet is not missed.
func (b *bell) arm() {
	b.hush()
	if !b.waiting {
		b.waiting = true
		b.state.Store(armed)
	}
}

// ring wakes the consumer if it asked to be woken.
func (b *bell) ring() {
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

// hush says that the consumer is awake and takes away what makes the descriptor readable. When the
// producer is between its two steps the word is not there yet: the next call finds it.
func (b *bell) hush() {
	if !b.waiting {
		return
	}
	if b.state.CompareAndSwap(armed, quiet) {
		b.waiting = false
		return
	}
	if _, err := unix.Read(b.fd, b.word[:]); err == nil {
		b.state.Store(quiet)
		b.waiting = false
	}
}

func (b *bell) close() error {
	if b.fd < 0 {
		return nil
	}
	err := unix.Close(b.fd)
	b.fd = -1
	return err
}
