// Package move copies many short pieces of memory in one go.
package move

import "unsafe"

// A Piece is memory to copy and where to. The zero value copies nothing.
type Piece struct {
	to, from unsafe.Pointer
	n        int // bytes
}

// Set makes p copy src to the beginning of dst, which is as long at least and does not overlap with it. Both must be
// valid until the last use of p.
func (p *Piece) Set(dst, src []byte) {
	_ = dst[:len(src)]
	p.to, p.from, p.n = unsafe.Pointer(unsafe.SliceData(dst)), unsafe.Pointer(unsafe.SliceData(src)), len(src)
}

// All copies all of p, in order. Pieces of 16 to 128 bytes cost a few nanoseconds each and no call; others are copied
// as copy does. A page that is gone panics as it does there (see debug.SetPanicOnFault), with what comes before it copied.
func All(p []Piece) {
	for len(p) > 0 {
		n := short(&p[0], len(p))
		if p = p[n:]; len(p) > 0 {
			p[0].copy()
			p = p[1:]
		}
	}
}

// copy copies one piece.
func (p *Piece) copy() {
	// Valid: Set has seen that both have n bytes.
	copy(unsafe.Slice((*byte)(p.to), p.n), unsafe.Slice((*byte)(p.from), p.n))
}
