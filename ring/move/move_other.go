//go:build !amd64 || purego || race

package move

// short leaves all pieces to copy.
func short(*Piece, int) int { return 0 }

// fetches says whether fetch asks for anything.
const fetches = false

func fetch(*Piece) {}

// willRead and willWrite ask for nothing.
func willRead(*byte)  {}
func willWrite(*byte) {}

// willCopyTo asks for nothing.
func willCopyTo(*Piece, int, int) {}
