package openflow

import (
	"fmt"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Push puts part of a field on the stack, which a packet has for its way through the tables.
type Push struct {
	Src flow.Subfield
}

// Pop takes the last entry off the stack and writes it to part of a field: its lowest bits, with zeros in
// front where the entry has fewer. Of an empty stack nothing is taken and the actions go on, as in OVS.
type Pop struct {
	Dst flow.Subfield
}

// maxStack is how many entries the stack may hold: OVS has 64 KiB for it (ovs-actions(7), "Error Handling",
// Stack too deep).
const maxStack = 64 << 10 / 16

// A stackEntry is what was pushed: the last bits of a number of 16 bytes, in network byte order.
type stackEntry [16]byte

func (a *Push) appendText(b []byte) []byte { return appendSubfield(append(b, "push:"...), a.Src) }
func (a *Pop) appendText(b []byte) []byte  { return appendSubfield(append(b, "pop:"...), a.Dst) }

func parsePush(arg argument) (Action, error) {
	src, err := flow.ParseSubfield(arg.text)
	if err == nil && src.Bits > 128 {
		err = errWide(src)
	}
	return &Push{Src: src}, err
}

func parsePop(arg argument) (Action, error) {
	dst, err := flow.ParseSubfield(arg.text)
	if err == nil {
		err = checkWritable(dst.Field)
	}
	if err == nil && dst.Bits > 128 {
		err = errWide(dst)
	}
	return &Pop{Dst: dst}, err
}

func (x *xlate) push(a *Push) {
	if len(x.stack) == maxStack {
		x.fail(action.StackTooDeep)
		return
	}
	x.stack = append(x.stack, x.read(a.Src))
}

func (x *xlate) pop(a *Pop) {
	n := len(x.stack)
	if n == 0 {
		x.trace(x.level(), ">>>> stack underflow <<<<")
		return
	}
	top := [16]byte(x.stack[n-1])
	x.stack = x.stack[:n-1]
	x.load(a.Dst, &top)
	x.traceLoaded(a.Dst, top)
}

// errWide refuses parts wider than an entry; OVS takes all of a tunnel option.
func errWide(part flow.Subfield) error {
	return fmt.Errorf("%s: want up to 128 bits, found %d", part, part.Bits)
}
