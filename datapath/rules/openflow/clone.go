package openflow

import (
	"slices"

	"github.com/culvertdev/culvert/datapath/action"
)

// Clone carries out a list of actions on a copy of the packet.
type Clone struct {
	Actions []Action
}

func (a *Clone) appendText(b []byte) []byte {
	return append(AppendActions(append(b, "clone("...), a.Actions), ')')
}

func parseClone(arg argument) (Action, error) {
	list, err := arg.list()
	return &Clone{Actions: list}, err
}

// clone carries out a clone action. As in OVS 3.1, the copy is through with the tables at its end and meets
// its action set, and an exit in it is one for all.
func (x *xlate) clone(a *Clone) {
	x.onCopy(func() {
		x.run(a.Actions)
		if x.stop == stopNot {
			x.runSet()
		}
	})
}

// onCopy does what a copy of the packet is for. What that does to the packet is not seen afterwards, nor that
// it stops for a recirculation (of which OVS 3.1 forgets what follows the clone).
//
// The program makes no copy where it can help it: what it has set is set back when an output needs it.
// Only what cannot be undone so is left to action.OpClone.
func (x *xlate) onCopy(do func()) {
	before, from := x.state, len(x.v.Actions.Words())
	x.stack = slices.Clone(x.stack)
	do()
	x.freeze()
	if x.failed {
		return
	}
	after := x.state
	x.state = before
	emitted := x.v.Actions.Words()[from:]
	if !reversible(emitted) {
		x.v.Actions.Enclose(from)
		x.cloned = true
		return
	}
	x.base, x.fixed, x.vlan.base = after.base, after.fixed, after.vlan.base
	x.setBack(emitted)
}

// reversible reports whether other operations can undo what these do to a packet.
func reversible(words []uint64) bool {
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpClone:
			rest = rest[in.Arg:]
		case action.OpOutput, action.OpSet, action.OpSend, action.OpTrunc:
		default:
			return false
		}
	}
	return true
}

// setBack makes the next commit set back the bits that these operations have set.
func (x *xlate) setBack(words []uint64) {
	for in, rest, ok := action.Next(words); ok; in, rest, ok = action.Next(rest) {
		switch in.Op {
		case action.OpClone:
			rest = rest[in.Arg:]
		case action.OpSet:
			x.pending.add(in.Field)
			dirty := x.dirty.Bytes(in.Field)
			for i, m := range in.MaskBytes() {
				dirty[i] |= m
			}
		}
	}
}
