package flowcache

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugeMin is the size in bytes from which a slab is worth huge pages: below, the processor's
// translation cache reaches over it as it is.
const hugeMin = 4 << 20

// newSlab returns n zero elements, in huge pages where the kernel gives them (transparent_hugepage set
// to madvise or always). A look-up among a million flows reads far apart places in three slabs, and with
// 4 KiB pages most of its time goes to finding the pages: see BenchmarkMegaflow.
//
// T must not hold pointers. If the kernel declines, nothing but speed is lost.
func newSlab[T any](n int) []T {
	s := make([]T, n)
	if size := n * int(unsafe.Sizeof(s[0])); size >= hugeMin {
		// The bytes are those of s, which outlives the call, and madvise changes none of them. Large
		// objects start on a page, as madvise wants.
		mem := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), size)
		_ = unix.Madvise(mem, unix.MADV_HUGEPAGE)
	}
	return s
}
