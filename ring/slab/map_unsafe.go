package slab

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of a huge page, and hugeMin the size of a slab from which on it is worth them: below,
// the processor's translation cache reaches over it as it is. Both in bytes.
const (
	hugePage = 2 << 20
	hugeMin  = 4 << 20
)

// A mapping is memory from the kernel.
type mapping struct {
	base unsafe.Pointer // as the kernel gave it
	size uintptr        // bytes
	skip uintptr        // bytes before the slab
}

// reserve maps size bytes of zeros, which count against no limit before they are written. Large ones begin at
// a huge page.
func reserve(size int) (mapping, error) {
	m := mapping{size: uintptr(max(size, 1))}
	if size >= hugeMin {
		m.size += hugePage
	}
	base, err := unix.MmapPtr(-1, 0, nil, m.size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return mapping{}, err
	}
	m.base = base
	if size >= hugeMin {
		m.skip = -uintptr(base) & (hugePage - 1)
		mem := unsafe.Slice((*byte)(unsafe.Add(base, m.skip)), size)
		// If the kernel declines, nothing but speed is lost.
		_ = unix.Madvise(mem, unix.MADV_HUGEPAGE)
	}
	return m, nil
}

// release gives the memory back.
func (m mapping) release() {
	// It fails for memory that is not mapped only.
	_ = unix.MunmapPtr(m.base, m.size)
}

// sizeOf returns the size of a T in bytes.
func sizeOf[T any]() int {
	var t T
	return int(unsafe.Sizeof(t))
}

// elements returns the n elements of a mapping that was reserved for them. Mappings begin at a page,
// which is as aligned as any type wants.
func elements[T any](m mapping, n int) []T {
	return unsafe.Slice((*T)(unsafe.Add(m.base, m.skip)), n)
}
