package layout

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// View returns memory as n values that are valid as long as it is mapped; false when it is too short, or not
// aligned for them.
func View[T uint16 | Used | Desc | Guarded | SplitFlight | PackedFlight](memory []byte, n int) ([]T, bool) {
	var v T
	p := unsafe.Pointer(unsafe.SliceData(memory))
	if n <= 0 || uintptr(n) > uintptr(len(memory))/unsafe.Sizeof(v) || uintptr(p)%unsafe.Alignof(v) != 0 {
		return nil, false
	}
	// Valid: n values within memory, aligned; no T has pointers.
	return unsafe.Slice((*T)(p), n), true
}

// Word returns the aligned word of 32 bits that has the byte at offset off of memory, and how many bits of the
// word come before it. The word must be in mapped memory as a whole, as those of a guest's regions are, which
// consist of whole words.
func Word(memory []byte, off int) (w *atomic.Uint32, shift uint8) {
	p := unsafe.Pointer(&memory[off])
	skip := uintptr(p) % 4
	// Valid: see above; atomic.Uint32 has the layout of a uint32.
	return (*atomic.Uint32)(unsafe.Add(p, -int(skip))), uint8(8 * skip)
}

// LittleEndian says whether this processor lays out words as the rings do (VIRTIO 1.2, 1.4).
var LittleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
