package traffic

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of linux include/linux/socket.h, which x/sys does not have.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32 // bytes sent
	_   [4]byte
}

// messages is frames in the form sendmmsg(2) takes them: the list twice over or more, so that a burst
// can start at any frame.
type messages struct {
	frames [][]byte
	iovecs []unix.Iovec
	list   []mmsghdr
}

// load prepares frames, of which there is at least one, none of them empty.
func (m *messages) load(frames [][]byte) {
	n := len(frames) + burst
	m.frames, m.iovecs, m.list = frames, make([]unix.Iovec, n), make([]mmsghdr, n)
	for i := range n {
		f := frames[i%len(frames)]
		m.iovecs[i].Base = &f[0]
		m.iovecs[i].SetLen(len(f))
		m.list[i].hdr.Iov = &m.iovecs[i]
		m.list[i].hdr.SetIovlen(1)
	}
}

// send sends up to n frames, starting with the one at index first, and returns how many the kernel took.
func (m *messages) send(fd, first, n int) (took int, err error) {
	// The pointer is to an element of a slice that is alive through the call, and behind it are n
	// elements: first < len(frames) and n <= burst. The kernel writes only len fields.
	sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.list[first])), uintptr(n), 0, 0, 0)
	runtime.KeepAlive(m)
	if errno != 0 {
		return 0, errno
	}
	return int(sent), nil
}
