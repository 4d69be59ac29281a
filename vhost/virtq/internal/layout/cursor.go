package layout

// PhaseMask are the flags by which a packed descriptor changes hands.
const PhaseMask = FlagAvail | FlagUsed

// A Cursor is a position in a packed ring, with what an available descriptor has for PhaseMask there: FlagAvail
// while the ring's wrap counter is 1, else FlagUsed (VIRTIO 1.2, 2.8.1).
type Cursor struct {
	At    uint32 // descriptor
	Phase uint16
}

// StartCursor is where a ring begins: the wrap counters are 1 then.
var StartCursor = Cursor{0, FlagAvail}

// Plus returns the position n descriptors on, in a ring of size; n is at most size.
func (c Cursor) Plus(n, size uint32) Cursor {
	if c.At += n; c.At >= size {
		c.At -= size
		c.Phase ^= PhaseMask
	}
	return c
}

// Minus returns the position n descriptors back; n is at most size.
func (c Cursor) Minus(n, size uint32) Cursor {
	if c.At < n {
		c.At += size
		c.Phase ^= PhaseMask
	}
	c.At -= n
	return c
}

// Used returns what a used descriptor has for PhaseMask.
func (c Cursor) Used() uint16 {
	if c.Phase == FlagAvail {
		return PhaseMask
	}
	return 0
}

// Encode returns the position as 16 bits: wrap counter 1, descriptor 15. That is how event suppression (VIRTIO
// 1.2, 2.8.14) and the messages about positions have it.
func (c Cursor) Encode() uint16 {
	if c.Phase == FlagAvail {
		return uint16(c.At) | 1<<15
	}
	return uint16(c.At)
}

// DecodeCursor is the reverse; the descriptor may be one that the ring does not have.
func DecodeCursor(v uint16) Cursor {
	if v>>15 != 0 {
		return Cursor{uint32(v & 0x7fff), FlagAvail}
	}
	return Cursor{uint32(v), FlagUsed}
}

// Since returns how many descriptors c is behind start, going forward from it, modulo two laps.
func (c Cursor) Since(start Cursor, size uint32) uint32 {
	n := c.At + size - start.At // between 1 and 2*size-1
	if c.Phase == start.Phase {
		n += size
	}
	if n >= 2*size {
		n -= 2 * size
	}
	return n
}
