package proto

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// files are the descriptors of a message; -1 stands for one that was handed over.
type files []int

// close closes what is left.
func (f files) close(b *Bin) {
	b.Close(f...)
	for i := range f {
		f[i] = -1
	}
}

// mostSent is how many descriptors the kernel lets anybody send at once (SCM_MAX_FD, Linux include/net/scm.h).
const mostSent = 253

// controlRoom is what so many take as control data. There is room for those that no message has, too: what is beyond the room the
// kernel closes itself, before it returns, which can take as long as their owner likes.
var controlRoom = unix.CmsgSpace(mostSent * 4)

// gather adds the descriptors in control data that was received with flags. f holds every one there is
// afterwards, also with an error.
func (f *files) gather(control []byte, flags int) error {
	messages, err := unix.ParseSocketControlMessage(control)
	for i := range messages {
		if h := messages[i].Header; h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_RIGHTS {
			continue
		}
		fds, wrong := unix.ParseUnixRights(&messages[i])
		err = errors.Join(err, wrong)
		*f = append(*f, fds...)
	}
	switch {
	case flags&unix.MSG_CTRUNC != 0:
		return fmt.Errorf("%w: descriptors that this process may not have (RLIMIT_NOFILE)", ErrControl)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrControl, err)
	case len(*f) > MaxFiles:
		return fmt.Errorf("%w: %d, want at most %d", ErrFiles, len(*f), MaxFiles)
	}
	return nil
}

// in reports how the number of descriptors that came with p differs from what belongs to it.
func (c count) in(p Payload, n int) error {
	min, max := c(p)
	if n >= min && n <= max {
		return nil
	}
	if min == max {
		return fmt.Errorf("%w: %d, want %d", ErrFiles, n, min)
	}
	return fmt.Errorf("%w: %d, want %d to %d", ErrFiles, n, min, max)
}
