package mem

// A Window is one user's way into a table by guest-physical addresses. It remembers the region used last: nearly
// all of a guest's buffers are in one, and looking there costs a comparison. The zero value sees no memory.
//
// Thread-safety: none; every queue has its own.
type Window struct {
	base uint64 // guest-physical address of mem
	mem  []byte
	t    *Table
}

// Open lets the window look into t, which must stay open as long as the window is used.
func (w *Window) Open(t *Table) { *w = Window{t: t} }

// Bytes returns the n bytes at a guest-physical address; false unless all are in one region.
func (w *Window) Bytes(addr uint64, n uint32) ([]byte, bool) {
	off, size := addr-w.base, uint64(len(w.mem))
	if off < size && uint64(n) <= size-off {
		return w.mem[off : off+uint64(n) : off+uint64(n)], true
	}
	return w.move(addr, n)
}

// move is Bytes for what is not in the region used last.
func (w *Window) move(addr uint64, n uint32) ([]byte, bool) {
	if w.t == nil {
		return nil, false
	}
	a := find(w.t.guest, addr)
	if a == nil {
		return nil, false
	}
	w.base, w.mem = a.base, a.mem
	off := addr - a.base
	if uint64(n) > uint64(len(a.mem))-off {
		return nil, false
	}
	return a.mem[off : off+uint64(n) : off+uint64(n)], true
}

// Piece returns as much of the n bytes at a guest-physical address as one region has: all, or the part before
// the region's end, where the next may or may not go on. Nothing means that there is no memory.
func (w *Window) Piece(addr uint64, n uint32) []byte {
	if b, ok := w.Bytes(addr, n); ok {
		return b
	}
	off, size := addr-w.base, uint64(len(w.mem))
	if off >= size {
		return nil // move has looked everywhere
	}
	return w.mem[off:size:size]
}
