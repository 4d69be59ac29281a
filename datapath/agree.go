package datapath

import (
	"math/bits"

	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/ring/frame"
)

// depart notes what packets have met first, all of them in the same flow, with a program that recirculates.
func (w *pipeline) depart(frames []frame.Frame, slot flowcache.Slot, actions flowcache.ListID, number, settled version.Number) {
	s := version.Step{Slot: slot, Life: w.flows.Life(slot), Actions: actions}
	for _, f := range frames {
		w.journeys.Of(f).Begin(number, settled, s)
	}
}

// agree reads what is to be done with packets that were taken up again and found, into w.programs. Those whose flow, as
// far as its number tells, does not stand in the version of what they have met before are not found any more, nor are
// those that come behind them in their flow. It returns miss with them, and counts them back: exact is how many the
// exact-match cache has found.
func (w *pipeline) agree(b *frame.Batch, miss []uint16, settled version.Number, exact int) []uint16 {
	torn := w.meet(b.Frames(), settled)
	if torn == 0 {
		return miss
	}
	n := bits.OnesCount64(torn) // whichever cache had found them
	fromExact := min(n, exact)
	w.count.levels.Add(hitEMC, -uint64(fromExact))
	w.count.levels.Add(hitMegaflow, -uint64(n-fromExact))
	for _, i := range miss {
		torn |= 1 << i
	}
	return w.lose(torn)
}

// meet adds what packets have found to what they have met, and returns a bit for each frame that has to ask.
func (w *pipeline) meet(frames []frame.Frame, settled version.Number) (torn uint64) {
	var s version.Step
	var number version.Number
	for i, f := range frames {
		slot := w.slots[i]
		if slot == 0 {
			continue
		}
		if slot != s.Slot {
			actions, n := w.flows.Verdict(slot)
			s, number = version.Step{Slot: slot, Life: w.flows.Life(slot), Actions: actions}, version.Number(n)
		}
		w.programs[i] = s.Actions
		switch j := w.journeys.Of(f); {
		case torn != 0 && w.behind(torn, i):
			torn |= 1 << i
		case j.At() == 0:
			j.Begin(number, settled, s)
		case j.Meets(number):
			j.Add(s)
		default:
			torn |= 1 << i
		}
	}
	return torn
}

// behind reports whether packet i of the batch is of the flow of one that has a bit in set.
func (w *pipeline) behind(set uint64, i int) bool {
	for ; set != 0; set &= set - 1 {
		if w.keys.Hash[bits.TrailingZeros64(set)] == w.keys.Hash[i] {
			return true
		}
	}
	return false
}

// executeAgain is execute for packets that were taken up again, and have agreed.
func (w *pipeline) executeAgain(port, recirc uint32, depth int, frames []frame.Frame) {
	for i := 0; i < len(frames); {
		if w.slots[i] == 0 {
			i++
			continue
		}
		first, list := i, w.programs[i]
		for i < len(frames) && w.slots[i] != 0 && w.programs[i] == list {
			i = w.credit(frames, i)
		}
		w.run(w.lists.Get(list), run{
			port: port, recirc: recirc, depth: depth,
			frames: frames[first:i], l3: w.keys.L3[first:i], l4: w.keys.L4[first:i],
		})
	}
}
