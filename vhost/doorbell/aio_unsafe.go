package doorbell

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// From include/uapi/linux/aio_abi.h.
const (
	opPoll    = 5 // IOCB_CMD_POLL
	flagResFD = 1 // IOCB_FLAG_RESFD
)

// An iocb is struct iocb, in the layout that both byte orders share.
type iocb struct {
	_      uint64 // data, which comes back with the event
	_      uint64 // key and flags of the operation
	opcode uint16
	_      int16  // priority
	fd     uint32 // what the operation is about
	buffer uint64 // of a poll: events
	_      [3]uint64
	flags  uint32
	resfd  uint32 // eventfd that is told when the operation is complete
}

// An event is struct io_event: an operation that is complete.
type event struct {
	data, obj uint64
	res, res2 int64
}

// The unsafe uses below are valid: conversions are in the calls' argument lists (unsafe.Pointer, rule 4), and what they point to is a
// variable of the caller's. What submit has the kernel look at through a pointer in memory, *ops[0], is used before it returns: the
// kernel copies it.

// setup makes a context for n operations.
func setup(n int) (context uintptr, errno unix.Errno) {
	_, _, errno = unix.Syscall(unix.SYS_IO_SETUP, uintptr(n), uintptr(unsafe.Pointer(&context)), 0)
	return context, errno
}

// submit begins an operation that does not wait. So the scheduler need not know of it.
func submit(context uintptr, ops *[1]*iocb) bool {
	n, _, _ := unix.RawSyscall(unix.SYS_IO_SUBMIT, context, 1, uintptr(unsafe.Pointer(ops)))
	return n == 1
}

// reap takes back up to len(events) operations that are complete, and does not wait for any.
func reap(context uintptr, events *[inFlight]event) {
	var now unix.Timespec
	_, _, _ = unix.RawSyscall6(unix.SYS_IO_GETEVENTS, context, 0, inFlight, uintptr(unsafe.Pointer(&events[0])), uintptr(unsafe.Pointer(&now)), 0)
}

// destroy ends a context.
func destroy(context uintptr) {
	_, _, _ = unix.Syscall(unix.SYS_IO_DESTROY, context, 0, 0)
}

// address returns where b is.
func address(b *[8]byte) uintptr { return uintptr(unsafe.Pointer(b)) }
