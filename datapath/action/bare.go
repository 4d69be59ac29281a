package action

// Bare reports whether a program has no use for the outer headers that packets came in: it looks nothing up, and gives
// nobody a copy who does. Packets that leave by a port forget them anyway.
func Bare(words []uint64) bool {
	for in, rest, ok := Next(words); ok; in, rest, ok = Next(rest) {
		switch in.Op {
		case OpOutput, OpDrop, OpTrunc, OpSet, OpPushVLAN, OpPopVLAN:
		default:
			return false
		}
	}
	return true
}
