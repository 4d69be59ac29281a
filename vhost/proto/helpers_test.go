package proto

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns both ends of a Unix stream socket: raw bytes on one side, a Conn on the other.
func pair(t testing.TB, wrap func(*net.UnixConn) *Conn) (raw *net.UnixConn, c *Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "")
		c, err := net.FileConn(f)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		ends[i] = c.(*net.UnixConn)
	}
	t.Cleanup(func() { ends[0].Close(); ends[1].Close() })
	c = wrap(ends[1])
	c.SetTimeout(5 * time.Second)
	return ends[0], c
}

// conns returns two connected Conns.
func conns(t testing.TB, wrap func(*net.UnixConn) *Conn) (front, back *Conn) {
	t.Helper()
	raw, c := pair(t, wrap)
	return wrap(raw), c
}

// openFiles counts the descriptors of the process.
func openFiles(t testing.TB) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// noLeak fails the test when it ends with more descriptors than it has now, those of its sockets aside.
func noLeak(t testing.TB) {
	t.Helper()
	before := openFiles(t)
	t.Cleanup(func() {
		if after := openFiles(t); after > before {
			t.Errorf("%d descriptors are open, %d were before", after, before)
		}
	})
}

// eventfds returns n descriptors that are closed when the test ends.
func eventfds(t testing.TB, n int) []int {
	t.Helper()
	fds := make([]int, n)
	for i := range fds {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		fds[i] = fd
	}
	t.Cleanup(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
	return fds
}

// write sends bytes and descriptors as they are.
func write(t testing.TB, raw *net.UnixConn, b []byte, fds ...int) {
	t.Helper()
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if _, _, err := raw.WriteMsgUnix(b, rights, nil); err != nil {
		t.Fatal(err)
	}
}

// message returns a message as it is sent.
func message(request, flags uint32, payload []byte) []byte {
	b := header{request, flags, uint32(len(payload))}.append(nil)
	return append(b, payload...)
}
