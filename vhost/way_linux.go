package vhost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// A way is how the two sides come together: over a socket in the file system.
type way interface {
	// next returns the next connection. It waits for a frontend that connects, and fails at once when there
	// is none to connect to.
	next(ctx context.Context) (*net.UnixConn, error)
	close() error
}

func newWay(o Options) (way, error) {
	if o.Server {
		return listen(o.Path)
	}
	return dialer(o.Path), nil
}

// A dialer connects to a frontend that listens.
type dialer string

func (d dialer) next(ctx context.Context) (*net.UnixConn, error) {
	var nd net.Dialer
	c, err := nd.DialContext(ctx, "unix", string(d))
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil // what DialContext returns for this network
}

func (dialer) close() error { return nil }

// A listener waits for frontends that connect, one after the other: the next is accepted when the one before
// has gone.
type listener struct{ *net.UnixListener }

// listen listens on path. A socket file that nobody listens on any more is one that a process left behind.
func listen(path string) (*listener, error) {
	addr := &net.UnixAddr{Name: path, Net: "unix"}
	l, err := net.ListenUnix("unix", addr)
	if errors.Is(err, syscall.EADDRINUSE) && deserted(addr) {
		if err := syscall.Unlink(path); err != nil {
			return nil, fmt.Errorf("remove the socket %s that nobody listens on: %w", path, err)
		}
		l, err = net.ListenUnix("unix", addr)
	}
	if err != nil {
		return nil, err
	}
	return &listener{l}, nil
}

// deserted reports whether there is a socket at addr that nobody listens on.
func deserted(addr *net.UnixAddr) bool {
	if i, err := os.Lstat(addr.Name); err != nil || i.Mode()&os.ModeSocket == 0 {
		return false
	}
	c, err := net.DialUnix("unix", nil, addr)
	if err == nil {
		c.Close() // it was only to see
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func (l *listener) next(ctx context.Context) (*net.UnixConn, error) {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	return l.AcceptUnix()
}

func (l *listener) close() error {
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
