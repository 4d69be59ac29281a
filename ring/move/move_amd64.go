//go:build !purego && !race

package move

// short copies pieces as long as they have 16 to 128 bytes, at most n, and returns how many.
//
//go:noescape
func short(p *Piece, n int) int
