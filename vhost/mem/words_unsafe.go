package mem

import (
	"sync/atomic"
	"unsafe"
)

// wordsOf returns mem as words of 32 bits; false when it is not made of whole, aligned ones.
func wordsOf(mem []byte) ([]atomic.Uint32, bool) {
	p := unsafe.Pointer(unsafe.SliceData(mem))
	if len(mem) == 0 || len(mem)%4 != 0 || uintptr(p)%4 != 0 {
		return nil, false
	}
	// Valid: len(mem) bytes, aligned; atomic.Uint32 has the layout of a uint32.
	return unsafe.Slice((*atomic.Uint32)(p), len(mem)/4), true
}
