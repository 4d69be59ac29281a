package frontend

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// listen makes the socket to listen on, if that is what the port does.
func (p *Port) listen() (err error) {
	if p.o.Client {
		return nil
	}
	if err := removeStale(p.o.Path); err != nil {
		return err
	}
	p.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: p.o.Path, Net: "unix"})
	return err
}

// connect waits for the next back end, or connects to it.
func (p *Port) connect(ctx context.Context) (*net.UnixConn, error) {
	if p.listener != nil {
		defer context.AfterFunc(ctx, func() { p.listener.Close() })()
		return p.listener.AcceptUnix()
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", p.o.Path)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// removeStale removes a socket that nobody listens on any more: its owner was killed.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there, and no socket", path)
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
		return fmt.Errorf("somebody listens on %s: %w", path, unix.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
