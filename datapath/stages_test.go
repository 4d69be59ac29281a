package datapath

import (
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/pmd/stage"
)

// stages returns where the time of one warm poll cycle went.
func (r *rig) stages(packet []byte, flows int) stage.Times {
	r.warm(packet, flows)
	clock := cpu.NewClock()
	s := stage.New(clock)
	r.w.SetStages(s)
	s.Begin(clock.Cycles())
	r.cycle(packet, flows)
	s.End(64, true)
	s.Publish()
	return s.Times()
}

func TestTimeGoesToTheStagesThatPacketsPass(t *testing.T) {
	stack := rigStacks(t)["vxlan"]
	never := -1 // the exact-match cache learns
	var source flow.Mask
	source.SetExact(flow.FieldIPSrc)
	one, many := 1, 128 // flows, with rules that look at source addresses; so few that no five of them share a set of the exact-match cache
	for _, c := range []struct {
		name      string
		table     rules.Table
		insert    int
		pop       bool
		flows     int
		met, none []stage.Stage
	}{
		{"flows of a port", new(byPort), 1, false, one, []stage.Stage{stage.Port}, []stage.Stage{stage.Parse, stage.Exact, stage.Megaflow, stage.Encapsulate}},
		{"the flow of the latest packet", new(intoTunnel), 1, false, one, []stage.Stage{stage.Parse, stage.Port}, []stage.Stage{stage.Exact, stage.Megaflow, stage.Encapsulate, stage.Decapsulate}},
		{"exact match", &byPort{source}, 1, false, many, []stage.Stage{stage.Parse, stage.Exact}, []stage.Stage{stage.Megaflow, stage.Encapsulate, stage.Decapsulate}},
		{"megaflow", &byPort{source}, never, false, many, []stage.Stage{stage.Parse, stage.Exact, stage.Megaflow}, []stage.Stage{stage.Encapsulate}},
		{"into a tunnel", &intoTunnel{stack: stack}, 1, false, one, []stage.Stage{stage.Parse, stage.Encapsulate}, []stage.Stage{stage.Megaflow, stage.Decapsulate}},
		{"out of a tunnel", new(intoTunnel), 1, true, one, []stage.Stage{stage.Parse, stage.Decapsulate}, []stage.Stage{stage.Megaflow, stage.Encapsulate}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.table, c.insert)
			r.w.port(1).partial = false // nobody looks at packets for their checksums
			packet := testPacket
			if c.pop {
				r.tunnelled(t)
				packet, r.flowAt = wrapped(t, r, stack, testPacket), -1
			}
			got := r.stages(packet, c.flows)
			for _, s := range append(c.met, stage.Actions, stage.Transmit) {
				if got.Cycles[s] == 0 {
					t.Errorf("no cycles in stage %v: %v", s, got.Samples())
				}
			}
			for _, s := range c.none {
				if got.Cycles[s] != 0 {
					t.Errorf("%d cycles in stage %v, which no packet passed", got.Cycles[s], s)
				}
			}
		})
	}
}
