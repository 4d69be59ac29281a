package action

import (
	"net/netip"
	"testing"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// stack returns a header stack.
func stack(t testing.TB) []uint64 {
	t.Helper()
	o := encap.Outer{Type: encap.VXLAN, Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"), TTL: 64, DontFragment: true, Key: 7}
	words, err := encap.AppendStack(nil, &o)
	if err != nil {
		t.Fatal(err)
	}
	return words
}

func TestAPushIsReadAsItWasWritten(t *testing.T) {
	want := Header{Tunnel: 4095, Longest: 1464, Excess: ExcessSend, Context: 0xdeadbeef, Stack: stack(t)}
	var p Program
	p.Push(&want)
	p.Output(3)
	in, rest, _ := Next(p.Words())
	got := in.Header()
	if got.Tunnel != want.Tunnel || got.Longest != want.Longest || got.Excess != want.Excess || got.Context != want.Context ||
		encap.Text(got.Stack) != encap.Text(want.Stack) || len(rest) != 1 || !Valid(p.Words()) {
		t.Errorf("got %+v, want %+v; %d words behind it", got, want, len(rest))
	}
	header := encap.Text(want.Stack)
	if got, want := FormatODP(p.Words(), new(flow.Key), nil), "tnl_push(tnl_port(4095),"+header+",out_port(3)),3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Format(p.Words(), func(uint32) string { return "x" }), "tnl_push(tnl_port(x),"+header+"),output:x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAPushThatCannotBeRunIsNoProgram(t *testing.T) {
	good := stack(t)
	for name, h := range map[string]Header{
		"no stack":               {},
		"half a stack":           {Stack: good[:3]},
		"a stack with an excess": {Stack: append(good[:len(good):len(good)], 1)},
		"another excess":         {Stack: good, Excess: numExcess},
		"words that are none":    {Stack: make([]uint64, len(good))},
	} {
		var p Program
		p.Push(&h)
		if Valid(p.Words()) {
			t.Errorf("%s: taken for a program", name)
		}
	}
}
