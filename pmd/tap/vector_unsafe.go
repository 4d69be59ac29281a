package tap

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// unix.Readv and unix.Writev allocate their vectors on each call when there are more than 8 elements;
// a 64 KiB packet takes 40. Here the vector is the queue's.

// readv reads one packet.
//
// The unsafe use is valid: the conversion is in the call's argument list (unsafe.Pointer, rule 4),
// iov is not empty, and what it points to is memory of the arena.
func readv(fd int, iov []unix.Iovec) (size int, errno unix.Errno) {
	n, _, errno := unix.Syscall(unix.SYS_READV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
	return int(n), errno
}

// writev writes one packet. Valid for the same reasons as readv.
func writev(fd int, iov []unix.Iovec) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
	return errno
}
