package proto

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestASignalEndsNoCall: nobody says a second time that a socket has something to read.
func TestASignalEndsNoCall(t *testing.T) {
	for _, end := range []error{nil, unix.EAGAIN, unix.ECONNRESET} {
		list := []error{unix.EINTR, unix.EINTR, end}
		err := uninterrupted(func() (err error) {
			err, list = list[0], list[1:]
			return err
		})
		if !errors.Is(err, end) || len(list) != 0 {
			t.Errorf("got %v, want %v; %d calls are left", err, end, len(list))
		}
	}
}
