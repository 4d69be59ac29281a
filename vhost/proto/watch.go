package proto

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Watch is for the side that asks, between two questions. What it returns gets one error: io.EOF when the other side
// closes the connection, ErrFlags when it sends something nobody asked for, os.ErrDeadlineExceeded after
// Interrupt. Only then may the connection be used again.
func (c *Conn) Watch() <-chan error {
	ended := make(chan error, 1)
	if err := c.sock.SetReadDeadline(time.Time{}); err != nil {
		ended <- err
		return ended
	}
	go func() { ended <- c.wait() }()
	return ended
}

// Interrupt ends a Watch, or another wait for the other side.
func (c *Conn) Interrupt() {
	// Of a connection that is closed nobody waits for anything: an error means nothing.
	_ = c.sock.SetReadDeadline(time.Unix(1, 0))
}

// wait blocks until there is something to read, and leaves it there.
func (c *Conn) wait() error {
	raw, err := c.sock.SyscallConn()
	if err != nil {
		return err
	}
	n, failed := 0, error(nil)
	var peek [1]byte
	if err := raw.Read(func(fd uintptr) (done bool) {
		n, _, failed = unix.Recvfrom(int(fd), peek[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return failed != unix.EAGAIN && failed != unix.EINTR
	}); err != nil {
		return err
	}
	switch {
	case failed == unix.ECONNRESET, failed == nil && n == 0: // closed, with something unread or without
		return io.EOF
	case failed != nil:
		return os.NewSyscallError("recvfrom", failed)
	}
	return ErrFlags
}
