package action

import "testing"

func TestRecirculatesSeesIntoClones(t *testing.T) {
	var plain, again, inner, outer Program
	plain.Recirc(1)
	again.Output(1)
	again.PushMPLS(0x8847, 1<<8)
	inner.Clone(&plain)
	outer.Clone(&inner)
	outer.Output(2)
	var none Program
	none.PushMPLS(0x8847, uint32(OpRecirc)) // an operand is no operation
	none.Clone(&again)
	for name, c := range map[string]struct {
		p    *Program
		want bool
	}{"a recirculation": {&plain, true}, "one in a clone in a clone": {&outer, true}, "outputs and labels": {&again, false}, "a clone of them": {&none, false}, "nothing": {new(Program), false}} {
		if got := Recirculates(c.p.Words()); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
