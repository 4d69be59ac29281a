package mem

// A Window is one user's way into memory by the addresses that descriptors have: a table's, by guest-physical
// addresses, or what an [IOTLB] knows, by I/O virtual ones. It remembers the region used last: nearly all of a guest's
// buffers are in one, and looking there costs a comparison. The zero value sees no memory.
//
// Thread-safety: none; every queue has its own.
type Window struct {
	base   uint64 // address of mem
	mem    []byte
	guest  uint64 // guest-physical address of mem
	missed uint64
	areas  *[]area
}

// Open lets the window look into t, which must stay open as long as the window is used.
func (w *Window) Open(t *Table) { *w = Window{areas: &t.guest} }

// Forget makes the window look for everything anew, after what it looks into has changed.
func (w *Window) Forget() { w.base, w.mem = 0, nil }

// Missed returns the address that Piece found nothing at last.
func (w *Window) Missed() uint64 { return w.missed }

// Guest returns the guest-physical address of what Bytes or Piece has just found at addr.
func (w *Window) Guest(addr uint64) uint64 { return w.guest + addr - w.base }

// Bytes returns the n bytes at an address; false unless all are in one region.
func (w *Window) Bytes(addr uint64, n uint32) ([]byte, bool) {
	off, size := addr-w.base, uint64(len(w.mem))
	if off < size && uint64(n) <= size-off {
		return w.mem[off : off+uint64(n) : off+uint64(n)], true
	}
	return w.move(addr, n)
}

// move is Bytes for what is not in the region used last.
func (w *Window) move(addr uint64, n uint32) ([]byte, bool) {
	if w.areas == nil {
		return nil, false
	}
	a := find(*w.areas, addr)
	if a == nil {
		return nil, false
	}
	w.base, w.mem, w.guest = a.base, a.mem, a.guest
	off := addr - a.base
	if uint64(n) > uint64(len(a.mem))-off {
		return nil, false
	}
	return a.mem[off : off+uint64(n) : off+uint64(n)], true
}

// Piece returns as much of the n bytes at an address as one region has: all, or the part before the region's end, where
// the next may or may not go on. Nothing means that there is no memory.
func (w *Window) Piece(addr uint64, n uint32) []byte {
	if b, ok := w.Bytes(addr, n); ok {
		return b
	}
	off, size := addr-w.base, uint64(len(w.mem))
	if off >= size { // move has looked everywhere
		w.missed = addr
		return nil
	}
	return w.mem[off:size:size]
}
