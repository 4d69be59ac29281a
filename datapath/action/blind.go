package action

// Blind reports whether a program does the same to every packet without looking into it: nobody has to parse
// packets for its sake.
func Blind(words []uint64) bool {
	for _, w := range words {
		// These have no operands: each word is an operation.
		switch Op(w) {
		case OpOutput, OpDrop, OpTrunc:
		default:
			return false
		}
	}
	return true
}
