//go:build !purego && !race

package move

// short copies pieces as long as they have 16 to 128 bytes, at most n, and returns how many.
//
//go:noescape
func short(p *Piece, n int) int

// fetches says whether fetch asks for anything.
const fetches = true

// fetch asks for the lines of a piece, those to be read and those to be written. It does not wait for them, and memory that
// is gone is no fault.
//
//go:noescape
func fetch(p *Piece)

// willRead asks for the line at p, to be read, and willWrite to be written.
//
//go:noescape
func willRead(p *byte)

//go:noescape
func willWrite(p *byte)

// willCopyTo asks for the first and the last line of where each of n pieces is copied to, to be written, and for that of lead bytes
// before it, to be read. n is not 0.
//
//go:noescape
func willCopyTo(p *Piece, n, lead int)
