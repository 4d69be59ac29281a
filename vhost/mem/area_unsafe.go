package mem

import "unsafe"

// An Area is the region that a window used last, as a value: a loop over buffers keeps it in registers, looks there
// first, and asks the window for what is elsewhere. It is valid as long as the window's table is open.
type Area struct {
	base, size uint64 // guest-physical address of the first byte; bytes
	first      unsafe.Pointer
}

// Area returns the region used last.
func (w *Window) Area() Area {
	return Area{w.base, uint64(len(w.mem)), unsafe.Pointer(unsafe.SliceData(w.mem))}
}

// Bytes returns the n bytes at a guest-physical address; false unless all are in the area.
func (a Area) Bytes(addr uint64, n uint32) ([]byte, bool) {
	off := addr - a.base
	if off >= a.size || uint64(n) > a.size-off {
		return nil, false
	}
	// Valid: n bytes from off on are within the size bytes from first on.
	return (*[1 << 32]byte)(unsafe.Add(a.first, off))[:n:n], true
}
