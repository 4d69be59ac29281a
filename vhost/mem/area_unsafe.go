package mem

import "unsafe"

// An Area is the region that a window used last, as a value: a loop over buffers keeps it in registers, looks there
// first, and asks the window for what is elsewhere. It is valid as long as what the window looks into is open, and
// does not change.
type Area struct {
	base, size uint64 // address of the first byte; bytes
	first      unsafe.Pointer
}

// Area returns the region used last.
func (w *Window) Area() Area {
	return Area{w.base, uint64(len(w.mem)), unsafe.Pointer(unsafe.SliceData(w.mem))}
}

// Has reports whether the n bytes at an address are all in the area.
func (a Area) Has(addr uint64, n uint32) bool {
	off := addr - a.base
	return off < a.size && uint64(n) <= a.size-off
}

// Bytes returns the n bytes at an address, which the area must have.
func (a Area) Bytes(addr uint64, n uint32) []byte {
	// Valid if Has: n bytes from there on are within the size bytes from first on.
	return (*[1 << 32]byte)(unsafe.Add(a.first, addr-a.base))[:n:n]
}
