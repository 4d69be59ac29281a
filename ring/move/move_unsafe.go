// Package move copies many pieces of memory in one go.
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

// longest is the most bytes of a piece that short copies.
const longest = 128

// All copies all of p, in order. Pieces of 16 to 128 bytes cost a few nanoseconds each and no call; others are copied
// as copy does. Of those longer than 128 bytes all lines are asked for while the one before is copied that is as long, however many short
// ones are between them: those to be read, and those to be written, so that no store has to wait until another core has given its
// line up. A page that is gone panics as it does in copy (see debug.SetPanicOnFault), with what comes before it copied.
func All(p []Piece) {
	p = copyShort(p)
	for len(p) > 0 {
		if fetches {
			fetchLong(p[1:])
		}
		p[0].copy()
		p = copyShort(p[1:])
	}
}

// WillCopyTo asks for the lines that All writes the beginnings and the ends of p to, and, to be read, for what is lead bytes before each: a
// header, which is in the same line or in one of its own, and mostly is already what it is to be. It does not wait for them. Lines
// that another core has had arrive together then, where stores would wait for one after the other.
func WillCopyTo(p []Piece, lead int) {
	if len(p) > 0 {
		willCopyTo(&p[0], len(p), lead)
	}
}

// fetchLong asks for the lines of the first long piece of p.
func fetchLong(p []Piece) {
	for i := range p {
		if p[i].n > longest {
			fetch(&p[i])
			return
		}
	}
}

// copyShort copies the first pieces of p, as far as they are short, and returns the others.
func copyShort(p []Piece) []Piece {
	if len(p) == 0 {
		return nil
	}
	return p[short(&p[0], len(p)):]
}

// copy copies one piece.
func (p *Piece) copy() {
	// Valid: Set has seen that both have n bytes.
	copy(unsafe.Slice((*byte)(p.to), p.n), unsafe.Slice((*byte)(p.from), p.n))
}

// WillRead asks for the cache line in which *p begins, to be read soon. It does not wait for it, and memory that is gone
// is no fault.
func WillRead[T any](p *T) { willRead((*byte)(unsafe.Pointer(p))) }

// WillWrite is WillRead for a line that is to be written: it is this core's alone then, until another wants it.
func WillWrite[T any](p *T) { willWrite((*byte)(unsafe.Pointer(p))) }
