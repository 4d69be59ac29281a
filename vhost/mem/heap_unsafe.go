package mem

import (
	"fmt"
	"unsafe"
)

const heapPage = 4096 // bytes; what the memory of Heap is aligned to

// Heap returns a mapping of ordinary memory: for tests, since the race detector sees only that, and for a
// driver and a device in one process. Offset counts for nothing.
func Heap(r Region) (*Mapping, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.Size > 1<<30 {
		return nil, fmt.Errorf("%v: too much for the heap", r)
	}
	b := make([]byte, r.Size+heapPage)
	// The address decides where in b the slice begins and goes no further.
	skip := -uintptr(unsafe.Pointer(&b[0])) & (heapPage - 1)
	return &Mapping{region: r, bytes: b[skip : skip+uintptr(r.Size) : skip+uintptr(r.Size)]}, nil
}

// addressOf returns where a slice lies, for comparison with the address of a fault.
func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
