package layout

import "sync/atomic"

// A Half is an aligned word of 16 bits in shared memory. Go has no atomics of that size, so it is reached by the
// word of 32 bits that it is one half of.
type Half struct {
	word  *atomic.Uint32
	shift uint8 // 0 or 16
}

// HalfAt returns the half at offset off of memory, which must be aligned to 2 bytes.
func HalfAt(memory []byte, off int) Half {
	w, shift := Word(memory, off)
	return Half{w, shift}
}

// Load reads the half.
func (h Half) Load() uint16 { return uint16(h.word.Load() >> h.shift) }

// Store changes the half and leaves its neighbour as it is. The neighbour may be another's, who may keep
// changing it: after some attempts the half goes to zero first and then to v, each in one step that cannot fail.
func (h Half) Store(v uint16) {
	bits, mask := uint32(v)<<h.shift, uint32(0xffff)<<h.shift
	for range 8 {
		old := h.word.Load()
		if h.word.CompareAndSwap(old, old&^mask|bits) {
			return
		}
	}
	h.word.And(^mask)
	h.word.Or(bits)
}
