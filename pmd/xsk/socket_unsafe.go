package xsk

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// registerUMEM registers mem, cut into chunks of so many bytes, as the socket's packet memory.
func registerUMEM(fd int, mem []byte, chunk, headroom int) error {
	reg := unix.XDPUmemReg{
		// Valid: mem is mapped memory, which does not move; the kernel pins its pages.
		Addr:     uint64(uintptr(unsafe.Pointer(&mem[0]))),
		Len:      uint64(len(mem)),
		Size:     uint32(chunk),
		Headroom: uint32(headroom),
	}
	// Valid: reg lives until the call returns, and the kernel reads as many bytes as it has.
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_UMEM_REG,
		uintptr(unsafe.Pointer(&reg)), unsafe.Sizeof(reg), 0)
	return errnoErr(errno)
}

func mmapOffsets(fd int) (off unix.XDPMmapOffsets, err error) {
	err = getsockopt(fd, unix.XDP_MMAP_OFFSETS, unsafe.Pointer(&off), unsafe.Sizeof(off))
	return off, err
}

func statistics(fd int) (st unix.XDPStatistics, err error) {
	err = getsockopt(fd, unix.XDP_STATISTICS, unsafe.Pointer(&st), unsafe.Sizeof(st))
	return st, err
}

// getsockopt reads a structure of size bytes at p.
func getsockopt(fd, opt int, p unsafe.Pointer, size uintptr) error {
	n := uint32(size)
	// Valid: p points at size bytes that live until the call returns, and n tells the kernel so.
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(opt),
		uintptr(p), uintptr(unsafe.Pointer(&n)), 0)
	return errnoErr(errno)
}

func errnoErr(e unix.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}
