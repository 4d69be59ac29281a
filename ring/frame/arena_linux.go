package frame

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const hugePage = 2 << 20 // bytes; x86-64 and arm64 with 4 KiB base pages

// An arena is one memfd mapped shared:
//
//	offset 0        BufferSize      2*BufferSize            Buffers*BufferSize
//	| buffer 0     | buffer 1      | ...                   |
//	  ^ headroom ^ data ... tail
type arena struct {
	fd    int
	mem   []byte
	pages string // what backs it, for people
}

// newArena maps size bytes, on hugepages when want allows and the host has them.
func newArena(size int, want HugePages) (arena, error) {
	if want != HugeNever {
		a, err := mapMemfd(size, unix.MFD_HUGETLB|unix.MFD_HUGE_2MB, "2 MiB hugepages")
		if err == nil {
			return a, nil
		}
		if want == HugeAlways {
			return arena{}, fmt.Errorf("map %d bytes of hugepages: %w", size, err)
		}
	}
	a, err := mapMemfd(size, 0, "ordinary pages")
	if err != nil {
		return arena{}, fmt.Errorf("map %d bytes: %w", size, err)
	}
	if want != HugeNever && unix.Madvise(a.mem, unix.MADV_HUGEPAGE) == nil {
		a.pages = "ordinary pages, transparent hugepages asked for"
	}
	return a, nil
}

// mapMemfd creates a memfd of size bytes and maps it shared. With hugepages every page is taken at
// once: a hugepage missing later would be a SIGBUS. It keeps its size for good, also for whoever it is shared
// with, since pages cut off would be one, too.
func mapMemfd(size, flags int, pages string) (arena, error) {
	fd, err := unix.MemfdCreate("culvert-arena", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|flags)
	if err != nil {
		return arena{}, fmt.Errorf("memfd_create: %w", err)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return arena{}, errors.Join(fmt.Errorf("ftruncate: %w", err), unix.Close(fd))
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return arena{}, errors.Join(fmt.Errorf("seal: %w", err), unix.Close(fd))
	}
	mapFlags := unix.MAP_SHARED
	if flags&unix.MFD_HUGETLB != 0 {
		mapFlags |= unix.MAP_POPULATE
	}
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, mapFlags)
	if err != nil {
		return arena{}, errors.Join(fmt.Errorf("mmap: %w", err), unix.Close(fd))
	}
	return arena{fd: fd, mem: mem, pages: pages}, nil
}

func (a *arena) close() error {
	if a.mem == nil {
		return nil
	}
	err := errors.Join(unix.Munmap(a.mem), unix.Close(a.fd))
	*a = arena{fd: -1}
	return err
}
