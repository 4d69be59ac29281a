package oracle

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// effect returns a program's words less those that change nothing in a packet with this key: a cached flow may
// set a field to what it is, for others that it covers.
func effect(program []uint64, k *flow.Key) []uint64 {
	now := *k
	var list []uint64
	moved := false // tags or labels have come or gone: their fields are not where the key has them
	for in, rest, ok := action.Next(program); ok; in, rest, ok = action.Next(rest) {
		words := program[:len(program)-len(rest)]
		program = rest
		switch in.Op {
		case action.OpPushVLAN, action.OpPopVLAN, action.OpPushMPLS, action.OpPopMPLS:
			moved = true
		case action.OpClone:
			inner := effect(rest[:in.Arg], &now)
			list = append(append(list, uint64(action.OpClone)|uint64(len(inner))<<32), inner...)
			rest = rest[in.Arg:]
			program = rest
			continue
		case action.OpSet:
			if !moved && !set(&now, &in) {
				continue
			}
		}
		list = append(list, words...)
	}
	return list
}

// set does to a key what an OpSet does to its packet and reports whether that changes it.
func set(k *flow.Key, in *action.Instruction) bool {
	b := k.Bytes(in.Field)
	changed := false
	for i := range b {
		at := 8*len(in.Value) - len(b) + i // operands are right-aligned
		shift := 56 - 8*(at%8)
		value, mask := byte(in.Value[at/8]>>shift), byte(in.Mask[at/8]>>shift)
		was := b[i]
		b[i] = was&^mask | value&mask
		changed = changed || b[i] != was
	}
	return changed
}
