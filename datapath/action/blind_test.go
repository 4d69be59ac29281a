package action

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

func TestAProgramIsBlindWhileItOnlySendsAndDrops(t *testing.T) {
	var p Program
	for _, step := range []struct {
		name string
		add  func()
		want bool
	}{
		{"nothing", func() {}, true},
		{"a cut", func() { p.Trunc(60) }, true},
		{"an output", func() { p.Output(7) }, true},
		{"another", func() { p.Output(8) }, true},
		{"a field", func() { p.Set(flow.FieldIPSrc, []byte{1, 2, 3, 4}, []byte{255, 255, 255, 255}) }, false},
		{"an output behind it", func() { p.Output(9) }, false},
	} {
		step.add()
		if got := Blind(p.Words()); got != step.want {
			t.Errorf("with %s: blind is %v", step.name, got)
		}
	}
	for name, add := range map[string]func(){
		"a tag": func() { p.PushVLAN(0x8100, 1) }, "a meter": func() { p.Meter(1) }, "a second look": func() { p.Recirc(1) },
	} {
		p.Reset()
		add()
		if Blind(p.Words()) {
			t.Errorf("%s is blind", name)
		}
	}
}
