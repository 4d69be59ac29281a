package datapath

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring"
	"github.com/culvertdev/culvert/ring/frame"
)

// handoverDepth is how many frames may wait for a transmit queue that belongs to another worker.
const handoverDepth = 2048 // frames

// txStage gathers a worker's frames for one port during a poll cycle. A transmit queue belongs to one
// worker: the others hand their frames to it by a ring.
type txStage struct {
	q      pmd.TxQueue // this worker's own; nil when another's is used
	to     *handover   // the ring of the worker that owns the queue used; nil with a queue of one's own
	from   *handover   // the ring this worker empties into q; nil when nobody hands anything over
	batch  frame.Batch
	listed bool // in pipeline.sends
}

// A handover carries frames to the worker that owns a transmit queue.
type handover struct {
	frames *ring.MPSC[frame.Frame]
	wake   func()
}

// stage puts a frame among those that leave by p at the end of the cycle.
func (w *pipeline) stage(p *workerPort, f frame.Frame) {
	if p.room > 0 && (f.More() > 0 || f.Len() > p.room) && w.pool.Total(f) > p.room && w.segment(p, f) {
		return
	}
	w.stageFitting(p, f)
}

func (w *pipeline) stageFitting(p *workerPort, f frame.Frame) {
	t := &p.tx
	if t.batch.Room() == 0 {
		w.send(t)
	}
	t.batch.Append(f)
	if !t.listed {
		t.listed = true
		w.sends = append(w.sends, p)
	}
}

// send hands what is staged to the queue, or to the worker that has it.
func (w *pipeline) send(t *txStage) {
	switch {
	case t.q != nil:
		t.q.Send(&t.batch)
	case t.to != nil:
		n := t.to.frames.PushN(t.batch.Frames())
		if lost := t.batch.Frames()[n:]; len(lost) > 0 {
			w.count.drop(dropHandover, len(lost))
			w.free(lost)
		}
		t.batch.Reset()
	default:
		w.count.drop(dropPortGone, t.batch.Len())
		w.frames.PutBatch(&t.batch)
	}
}

// flush sends everything staged and rings the doorbells. Ports with frames still waiting in their
// queue stay on the list.
func (w *pipeline) flush() {
	left := w.sends[:0]
	for _, p := range w.sends {
		t := &p.tx
		if t.batch.Len() > 0 {
			w.send(t)
		}
		if t.to != nil {
			t.to.wake()
		}
		if t.q != nil && t.q.Flush() {
			left = append(left, p)
			continue
		}
		t.listed = false
	}
	w.sends = left
}

// takeOver stages the frames other workers have handed over and returns their number. What they add
// meanwhile is for the next cycle.
func (w *pipeline) takeOver() int {
	total := 0
	for _, p := range w.served {
		from := p.tx.from.frames
		for left := from.Len(); left > 0; {
			n := from.PopN(w.taken[:min(left, len(w.taken))])
			if n == 0 {
				break // the rest is still being written
			}
			for _, f := range w.taken[:n] {
				w.stageFitting(p, f)
			}
			total += n
			left -= n
		}
	}
	return total
}
