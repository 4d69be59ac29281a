package action

// Recirculates reports whether packets of a program, or clones of them, are taken up again.
func Recirculates(words []uint64) bool {
	// What is inside a clone follows it: all operations come by.
	for in, rest, ok := Next(words); ok; in, rest, ok = Next(rest) {
		if in.Op == OpRecirc {
			return true
		}
	}
	return false
}
