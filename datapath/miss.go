package datapath

import (
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/ring/frame"
)

// ask sends the packets of miss to the slow path: of each flow the first, while the others wait.
func (w *pipeline) ask(port, recirc uint32, depth int, b *frame.Batch, miss []uint16) {
	p := w.port(port)
	sent := 0
	for _, i := range miss {
		f, hash := b.Frames()[i], w.keys.Hash[i]
		switch {
		case w.waiting.Has(hash):
			w.keep(f, hash, depth)
		case p == nil:
			w.refuse(f, dropPortGone)
		case p.asked == p.upMax || !w.waiting.Add(hash, depth):
			w.refuse(f, dropQueueFull)
		default:
			if !p.up.Requests.Push(upcall.Request{Frame: f, Recirc: recirc, Hash: hash}) {
				panic("datapath: more requests than the port may have")
			}
			p.asked++
			sent++
		}
	}
	if sent > 0 {
		w.count.levels.Add(askedSlowPath, uint64(sent))
		w.kick()
	}
}

// refuse drops a packet that no cache knows and the slow path does not get.
func (w *pipeline) refuse(f frame.Frame, reason int) {
	w.count.levels.Add(undecided, 1)
	w.count.drop(reason, 1)
	w.frames.Put(f)
}

// takeAnswers runs the actions of packets that have come back from the slow path, each followed by the
// packets that waited behind it. It returns the number of packets. Answers that come meanwhile are for
// the next cycle: packets whose verdicts are not cached would otherwise go round here while the
// receive queues fill.
func (w *pipeline) takeAnswers() int {
	total := 0
	for left := w.lane.Answers.Len(); left > 0; {
		n := w.lane.Answers.PopN(w.answers[:min(left, len(w.answers))])
		for i := range w.answers[:n] {
			total += w.take(&w.answers[i])
		}
		w.answered += n
		left -= n
	}
	return total
}

// take runs the actions of a packet that comes back, then looks up those that have waited behind it.
// It returns the number of packets.
func (w *pipeline) take(a *upcall.Answer) int {
	if p := w.port(a.Port); p != nil {
		p.asked--
	}
	held, depth := w.waiting.Remove(a.Hash)
	n := 1 + held.Len()
	b := &w.answer
	b.Append(a.Frame)
	w.x.Extract(w.pool, a.Port, a.Recirc, b, &w.keys)
	if w.watch != nil {
		w.watch.answered(w, a, depth)
	}
	w.run(w.lists.Get(a.Actions), run{
		port:   a.Port,
		frames: b.Frames(), l3: w.keys.L3[:1], l4: w.keys.L4[:1],
	})
	b.Reset()
	w.finishRecirc(depth, b)
	for held.Len() > 0 {
		for held.Len() > 0 && b.Room() > 0 {
			f, _ := held.Pop(w.pool)
			b.Append(f)
		}
		w.pass(a.Port, a.Recirc, depth, b)
		w.finishRecirc(depth, b)
	}
	return n
}
