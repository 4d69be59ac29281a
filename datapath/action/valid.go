package action

import "github.com/culvertdev/culvert/flowcache/flow"

// Valid reports whether words are a program that workers can run: operations they know, each with the
// operands it needs. Programs made by the methods of Program are.
func Valid(words []uint64) bool {
	for len(words) > 0 {
		n := int(words[0] >> 16 & 0xff)
		if n >= len(words) {
			return false
		}
		in, rest, _ := Next(words)
		if !in.valid(n, len(rest)) {
			return false
		}
		if in.Op == OpClone {
			if !Valid(rest[:in.Arg]) {
				return false
			}
			rest = rest[in.Arg:]
		}
		words = rest
	}
	return true
}

// valid reports whether an operation with n operands and left words behind it is one.
func (in *Instruction) valid(n, left int) bool {
	switch in.Op {
	case OpSet:
		size := 0
		if in.Field < flow.NumFields {
			size = int(in.Field.Info().Size)
		}
		return size > 0 && n == 2*((size+7)/8)
	case OpPushMPLS:
		return n == 1
	case OpDrop:
		return n == 0 && Reason(in.Arg) < NumReasons
	case OpPush:
		return in.validPush(n)
	case OpClone:
		return n == 0 && uint64(in.Arg) <= uint64(left)
	}
	return n == 0 && in.Op > OpNone && in.Op <= OpClone
}
