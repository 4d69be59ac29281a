package datapath

import (
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/ring/frame"
)

// ask sends the packets of miss to the slow path: of each flow the first, while the others wait.
func (w *pipeline) ask(port, recirc uint32, b *frame.Batch, miss []uint16) {
	p := w.port(port)
	sent := 0
	for _, i := range miss {
		f, hash := b.Frames()[i], w.keys.Hash[i]
		switch {
		case w.waiting.Has(hash):
			w.keep(f, hash)
		case p == nil || p.asked == p.upMax || !w.waiting.Add(hash):
			w.count.levels.Add(undecided, 1)
			w.count.drop(dropQueueFull, 1)
			w.frames.Put(f)
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

// takeAnswers runs the actions of packets that come back from the slow path, each followed by the
// packets that waited behind it. It returns the number of packets.
func (w *pipeline) takeAnswers() int {
	if w.lane.Answers.Empty() {
		return 0
	}
	n, total := 0, 0
	for {
		n = w.lane.Answers.PopN(w.answers[:])
		if n == 0 {
			return total
		}
		for i := range w.answers[:n] {
			total += 1 + w.take(&w.answers[i])
		}
		w.lane.Done(n)
	}
}

// take deals with one answer and returns how many packets had waited behind it.
func (w *pipeline) take(a *upcall.Answer) int {
	if p := w.port(a.Port); p != nil {
		p.asked--
	}
	b := &w.answer
	b.Append(a.Frame)
	w.x.Extract(w.pool, a.Port, a.Recirc, b, &w.keys)
	w.run(w.lists.Get(a.Actions), run{
		port: a.Port, recirc: a.Recirc,
		frames: b.Frames(), l3: w.keys.L3[:1], l4: w.keys.L4[:1],
	})
	b.Reset()
	w.finishRecirc(b)
	return w.release(a, b)
}

// release looks up the packets that waited for the answer. b is scratch.
func (w *pipeline) release(a *upcall.Answer, b *frame.Batch) int {
	list := w.waiting.Remove(a.Hash)
	n := list.Len()
	for list.Len() > 0 {
		for list.Len() > 0 && b.Room() > 0 {
			f, _ := list.Pop(w.pool)
			b.Append(f)
		}
		w.pass(a.Port, a.Recirc, b)
		w.finishRecirc(b)
	}
	return n
}

// finishRecirc takes up what the last pass has left to be taken up. b is scratch.
func (w *pipeline) finishRecirc(b *frame.Batch) {
	for depth := 1; w.again.n > 0; depth++ {
		w.recirculate(b, depth)
	}
}
