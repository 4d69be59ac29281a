// Package slab makes large arrays outside the Go heap: the collector neither scans them nor counts them.
//
// Inside the heap a table for a million flows, some 450 MB, would let the collector wait until four times as
// much garbage has come together (GOGC 400). The memory is reserved when a slab is made and backed by the
// kernel page by page as it is written, so a large capacity costs nothing until it is used.
//
// Thread-safety: New is safe for concurrent use; a slab is as safe as any array.
package slab

import (
	"fmt"
	"runtime"
)

// New returns n zero elements that live as long as owner: the memory goes back when the collector has
// found owner to be unreachable. Whoever keeps the slab, or part of it, keeps owner.
//
// T must not hold pointers, for the collector does not see them. Where memory cannot be mapped New
// panics, as make does when the heap cannot grow.
//
// From 4 MiB on a slab lies in huge pages where the kernel gives them (transparent_hugepage set to madvise
// or always): look-ups far apart would otherwise spend most of their time on finding the pages.
func New[T, O any](owner *O, n int) []T {
	if onHeap {
		return make([]T, n)
	}
	m, err := reserve(n * sizeOf[T]())
	if err != nil {
		panic(fmt.Sprintf("slab: reserve %d elements of %d bytes: %v", n, sizeOf[T](), err))
	}
	runtime.AddCleanup(owner, mapping.release, m)
	return elements[T](m, n)
}
