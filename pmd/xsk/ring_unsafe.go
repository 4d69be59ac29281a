package xsk

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wordAt returns the aligned 32-bit word at offset off of mem. The pointer is valid as long as mem is
// mapped.
func wordAt(mem []byte, off uint64) (*atomic.Uint32, error) {
	if off > uint64(len(mem)) || uint64(len(mem))-off < 4 {
		return nil, fmt.Errorf("ring word at offset %d: beyond the %d bytes mapped", off, len(mem))
	}
	p := unsafe.Pointer(&mem[off])
	if uintptr(p)%4 != 0 {
		return nil, fmt.Errorf("ring word at offset %d: not aligned to 4 bytes", off)
	}
	// Valid: four bytes of mem, aligned; atomic.Uint32 has the layout of a uint32.
	return (*atomic.Uint32)(p), nil
}

// slotsAt returns the n slots at offset off of mem as a slice that is valid as long as mem is mapped.
func slotsAt[T uint64 | unix.XDPDesc](mem []byte, off uint64, n uint32) ([]T, error) {
	var v T
	size := uint64(n) * uint64(unsafe.Sizeof(v))
	if off > uint64(len(mem)) || uint64(len(mem))-off < size || size == 0 {
		return nil, fmt.Errorf("%d ring slots at offset %d: beyond the %d bytes mapped", n, off, len(mem))
	}
	p := unsafe.Pointer(&mem[off])
	if uintptr(p)%unsafe.Alignof(v) != 0 {
		return nil, fmt.Errorf("ring slots at offset %d: not aligned to %d bytes", off, unsafe.Alignof(v))
	}
	// Valid: size bytes of mem, aligned; neither type holds pointers.
	return unsafe.Slice((*T)(p), n), nil
}
