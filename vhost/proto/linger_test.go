package proto

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lingering returns a descriptor whose last close waits ten seconds: of a TCP connection that nobody reads from.
func lingering(t *testing.T) (fd int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	deaf, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deaf.Close() })
	c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for err = nil; err == nil; {
		_, err = c.Write(make([]byte, 1<<16))
	}
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if fd, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 10}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// Descriptors may be closed by the kernel, for somebody who never had them: with the socket that they are in, or because there is no
// room for them. Nobody waits for that.
func TestNobodyWaitsForDescriptorsThatWereNotReceived(t *testing.T) {
	for name, c := range map[string]struct {
		others int // descriptors in front of it
		read   bool
	}{
		"in a socket that is closed": {},
		"more than a message has":    {others: 100, read: true},
	} {
		t.Run(name, func(t *testing.T) {
			ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(ends[1])
			conn, err := BackendConnOf(ends[0], new(Bin))
			if err != nil {
				t.Fatal(err)
			}
			fd := lingering(t)
			fds := make([]int, c.others, c.others+1)
			for i := range fds {
				fds[i] = ends[1]
			}
			fds = append(fds, fd)
			if err := unix.Sendmsg(ends[1], []byte{1}, unix.UnixRights(fds...), nil, 0); err != nil {
				t.Fatal(err)
			}
			unix.Close(fd)
			begun := time.Now()
			if c.read {
				if _, err := conn.Receive(); !errors.Is(err, ErrFiles) {
					t.Errorf("%d descriptors too many: %v", c.others, err)
				}
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestAllDescriptorsOfAMessageThatDoNotCloseCount(t *testing.T) {
	var b Bin
	f := make(files, mostStuck)
	for i := range f {
		f[i] = lingering(t)
	}
	begun, waiting := time.Now(), runtime.NumGoroutine()
	f.close(&b)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if !b.Full() {
		t.Errorf("%d descriptors are not closed, and the bin has room", mostStuck)
	}
	if n := runtime.NumGoroutine() - waiting; n > 1 {
		t.Errorf("%d wait for them, want 1", n)
	}
	for _, fd := range f {
		if fd != -1 {
			t.Errorf("descriptor %d is still the message's", fd)
		}
	}
}
