package daemon

import (
	"reflect"
	"testing"

	"github.com/culvertdev/culvert/control/config"
)

func TestAssignNumbers(t *testing.T) {
	type numbers = map[string]uint32
	for _, c := range []struct {
		name  string
		ports []config.Port
		now   numbers
		want  []uint32
	}{
		{"a new bridge: from 1 on", []config.Port{{Name: "a"}, {Name: "b"}}, nil, []uint32{1, 2}},
		{"numbers that were asked for are left out", []config.Port{{Name: "a"}, {Name: "b", Number: 1}, {Name: "c"}}, nil, []uint32{2, 1, 3}},
		{"ports keep what they have", []config.Port{{Name: "new"}, {Name: "b"}}, numbers{"b": 1, "gone": 2}, []uint32{2, 1}},
		{"unless another asks for it", []config.Port{{Name: "b"}, {Name: "new", Number: 1}}, numbers{"b": 1}, []uint32{2, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []uint32
			for _, p := range assignNumbers(c.ports, c.now) {
				got = append(got, p.Number)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
