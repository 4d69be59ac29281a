package action

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestAProgramIsBareUnlessSomebodyMayAskForOuterHeaders(t *testing.T) {
	var p Program
	for _, step := range []struct {
		name string
		add  func()
		want bool
	}{
		{"nothing", func() {}, true},
		{"a field", func() { p.Set(flow.FieldIPSrc, []byte{1, 2, 3, 4}, []byte{255, 255, 255, 255}) }, true},
		{"tags", func() { p.PopVLAN(); p.PushVLAN(0x8100, 1) }, true},
		{"outputs, one cut", func() { p.Output(7); p.Trunc(60); p.Output(8) }, true},
		{"a drop", func() { p.Drop(NoMatch) }, true},
		{"another look behind it", func() { p.Recirc(1) }, false},
	} {
		step.add()
		if got := Bare(p.Words()); got != step.want {
			t.Errorf("with %s: bare is %v", step.name, got)
		}
	}
	for name, add := range map[string]func(){
		"a copy for the table": func() { p.Send(1) }, "clones": func() { p.Clone(new(Program)) }, "a label": func() { p.PushMPLS(0x8847, 1) },
		"a tunnel": func() { p.Push(&Header{Stack: []uint64{0}}) },
	} {
		p.Reset()
		add()
		if Bare(p.Words()) {
			t.Errorf("%s: is bare", name)
		}
	}
}
