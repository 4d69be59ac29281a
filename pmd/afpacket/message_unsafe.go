package afpacket

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A message is struct mmsghdr: what recvmmsg and sendmmsg take an array of. On 64-bit systems the
// compiler pads it to a multiple of 8 bytes as C does.
type message struct {
	hdr  unix.Msghdr
	size uint32 // bytes received or sent; written by the kernel
}

// setVector makes m's data the elements of iov, at least one. m keeps the pointer, so that the
// collector sees it; the arena's memory, which the elements name, is not the collector's.
func (m *message) setVector(iov []unix.Iovec) {
	m.hdr.Iov = &iov[0]
	m.hdr.SetIovlen(len(iov))
}

// setControl makes b, which is not empty, where the kernel writes ancillary data.
func (m *message) setControl(b []byte) {
	m.hdr.Control = &b[0]
	m.hdr.SetControllen(len(b))
}

// recvmmsg fills messages and returns how many.
//
// The unsafe use is valid: the conversion is in the call's argument list (unsafe.Pointer, rule 4), ms
// is not empty, and what its pointers name lives as long as the queue.
func recvmmsg(fd int, ms []message) (n int, errno unix.Errno) {
	r, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&ms[0])), uintptr(len(ms)), unix.MSG_DONTWAIT, 0, 0)
	return count(r, errno), errno
}

// sendmmsg sends messages and returns how many; the error is that of the first one if none was sent.
// Valid for the same reasons as recvmmsg.
func sendmmsg(fd int, ms []message) (n int, errno unix.Errno) {
	r, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&ms[0])), uintptr(len(ms)), unix.MSG_DONTWAIT, 0, 0)
	return count(r, errno), errno
}

// count is a result that is -1 in case of an error.
func count(r uintptr, errno unix.Errno) int {
	if errno != 0 {
		return 0
	}
	return int(r)
}
