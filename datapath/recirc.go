package datapath

import (
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/ring/frame"
)

// maxRecirc is how often a packet may be taken up again (ovs.md: MAX_RECIRC_DEPTH).
const maxRecirc = 8

// again collects packets that a program ended with a recirculation, in order. What clones leave to be taken
// up is taken up at once, on top of what is there: each level has the packets of one pass, a batch at most,
// and those that their programs have ended with a recirculation again, no more of them.
type again struct {
	n    int
	port [againRoom]uint32
	id   [againRoom]uint32
	f    [againRoom]frame.Frame
}

const againRoom = (maxRecirc + 1) * 2 * frame.MaxBatch

// recirc puts the packets aside for another pass under id, once the batch has gone through this one.
// Clones have it at once: what becomes of them leaves before what is behind the clone in the program, as in
// Open vSwitch.
func (w *pipeline) recirc(id uint32, r *run) {
	if r.clones {
		w.recircClones(id, r)
		return
	}
	a := &w.again
	for _, f := range r.frames {
		a.port[a.n], a.id[a.n], a.f[a.n] = r.port, id, f
		a.n++
	}
}

// finishRecirc takes up what a pass at the given depth has left to be taken up, from place first on. b is
// scratch.
func (w *pipeline) finishRecirc(depth, first int, b *frame.Batch) {
	for w.again.n > first {
		depth++
		w.recirculate(depth, first, b)
	}
}

// recirculate takes up the packets collected by the last pass, for the depth'th time. b is scratch.
func (w *pipeline) recirculate(depth, first int, b *frame.Batch) {
	a := &w.again
	end := a.n
	for i := first; i < end; {
		port, id := a.port[i], a.id[i]
		for ; i < end && a.port[i] == port && a.id[i] == id; i++ {
			b.Append(a.f[i])
		}
		w.passAgain(port, id, depth, b)
	}
	copy(a.port[first:], a.port[end:a.n])
	copy(a.id[first:], a.id[end:a.n])
	a.n = first + copy(a.f[first:], a.f[end:a.n])
}

// passAgain is pass for packets taken up again, unless they have been too often.
func (w *pipeline) passAgain(port, id uint32, depth int, b *frame.Batch) {
	w.count.events.Add(recirculated, uint64(b.Len()))
	if depth > maxRecirc {
		w.count.levels.Add(undecided, uint64(b.Len()))
		w.count.drop(dropRecircDepth, b.Len())
		w.frames.PutBatch(b)
		return
	}
	w.pass(port, id, depth, b)
}

// paused is what a pass that is running programs still needs, while clones go through one of their own.
type paused struct {
	n        int
	slots    [frame.MaxBatch]flowcache.Slot
	programs [frame.MaxBatch]flowcache.ListID
	l3, l4   [frame.MaxBatch]uint16
	batch    frame.Batch // the clones
}

// recircClones takes clones up again at once.
func (w *pipeline) recircClones(id uint32, r *run) {
	p := &w.paused[w.pauses]
	w.pauses++
	p.n, p.slots, p.programs, p.l3, p.l4 = w.keys.N, w.slots, w.programs, w.keys.L3, w.keys.L4
	p.batch.AppendAll(r.frames)
	first := w.again.n
	w.passAgain(r.port, id, r.depth+1, &p.batch)
	w.finishRecirc(r.depth+1, first, &p.batch)
	w.keys.N, w.slots, w.programs, w.keys.L3, w.keys.L4 = p.n, p.slots, p.programs, p.l3, p.l4
	w.pauses--
}
