package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse is returned by Listen when another process answers on the socket.
var ErrInUse = errors.New("a running daemon answers on it")

// A Listener is a unix socket at a path.
type Listener struct {
	*net.UnixListener
	path string
	file fs.FileInfo // the socket as made here
	dir  string      // made for it; empty if it was there
}

// Listen makes a unix socket at path with the given permission bits and, if not empty, group (a name or
// a number). Nobody can connect before both are set. The directory is made if it is missing, and a
// socket that a dead process left behind is replaced; one that answers is ErrInUse.
func Listen(path string, mode fs.FileMode, group string) (*Listener, error) {
	l, err := listen(path, mode, group)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return l, nil
}

func listen(path string, mode fs.FileMode, group string) (*Listener, error) {
	gid, err := groupID(group)
	if err != nil {
		return nil, err
	}
	l := &Listener{path: path}
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o755); err == nil {
		l.dir = dir
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, errors.Join(err, l.removeDir())
	}
	defer unlock()
	if err := l.bind(mode, gid); err != nil {
		return nil, errors.Join(err, l.removeDir())
	}
	return l, nil
}

// bind makes the socket. The directory is locked.
func (l *Listener) bind(mode fs.FileMode, gid int) error {
	if err := removeStale(l.path); err != nil {
		return err
	}
	// The file that bind makes takes the mode of the socket (linux net/unix/af_unix.c, unix_bind_bsd):
	// there is no moment at which strangers can connect.
	closed := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0) }); e != nil {
			return e
		}
		return err
	}}
	nl, err := closed.Listen(context.Background(), "unix", l.path)
	if err != nil {
		return err
	}
	l.UnixListener = nl.(*net.UnixListener)
	l.SetUnlinkOnClose(false) // Close looks first whether the path is still this socket
	err = errors.Join(os.Chown(l.path, -1, gid), os.Chmod(l.path, mode))
	if l.file, _ = os.Lstat(l.path); err != nil {
		return errors.Join(err, l.UnixListener.Close(), os.Remove(l.path))
	}
	return nil
}

// Close stops listening and removes the socket, if it is still the one made here, and its directory, if
// it was made here and is empty.
func (l *Listener) Close() error {
	err := l.UnixListener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	if now, e := os.Lstat(l.path); e == nil && os.SameFile(now, l.file) {
		err = errors.Join(err, os.Remove(l.path))
	}
	return errors.Join(err, l.removeDir())
}

func (l *Listener) removeDir() error {
	if l.dir == "" {
		return nil
	}
	err := os.Remove(l.dir)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	file, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case file.Mode().Type() != fs.ModeSocket:
		return errors.New("the path is taken by something that is not a socket")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		return errors.Join(ErrInUse, c.Close())
	case errors.Is(err, unix.ECONNREFUSED): // unix(7): nobody listens
		return os.Remove(path)
	case errors.Is(err, unix.EAGAIN), os.IsTimeout(err): // its backlog is full
		return ErrInUse
	}
	return err
}

// lockDir lets one process at a time look at a socket and replace it.
func lockDir(dir string) (unlock func(), err error) {
	const patience, pause = 5 * time.Second, 10 * time.Millisecond
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for start := time.Now(); ; time.Sleep(pause) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil // closing unlocks
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Since(start) > patience {
			return nil, errors.Join(fmt.Errorf("lock directory %s: %w", dir, err), f.Close())
		}
	}
}

// groupID returns the number of a group, -1 for the empty name.
func groupID(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(group, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}
