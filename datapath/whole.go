package datapath

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/frame"
)

// passWhole is pass for a port whose packets are all of one flow, when nobody needs to look at them: not the
// flow's program, nor who completes checksums, nor who keeps order behind a packet that is with the slow path. It
// reports false, and has done nothing, when somebody does.
func (w *pipeline) passWhole(port uint32, b *frame.Batch) bool {
	w.stages.Enter(stage.Port)
	slot := w.flows.Whole(port)
	if slot == 0 || w.waiting.Len() > 0 || w.watch != nil {
		return false
	}
	if p := w.port(port); p == nil || p.partial {
		return false
	}
	words := w.lists.Get(w.flows.Actions(slot))
	if !action.Blind(words) {
		return false
	}
	all := w.pool.Measure(b.Frames())
	if all.Least < wire.EthernetSize {
		return false // dropped by name where it is parsed
	}
	n := b.Len()
	w.count.levels.Add(hitPort, uint64(n))
	w.flows.Credit(slot, uint64(n), uint64(all.Bytes), w.now)
	w.stages.Enter(stage.Actions)
	w.run(words, run{port: port, frames: b.Frames(), l3: w.keys.L3[:n], l4: w.keys.L4[:n], all: all})
	b.Reset()
	return true
}
