package datapath

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/stage"
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

// stageAll puts frames among those that leave by p at the next flush, those that fit as they are
// many at a time.
func (w *pipeline) stageAll(p *workerPort, frames []frame.Frame) {
	for len(frames) > 0 {
		n := 0
		for n < len(frames) && (p.fits(frames[n]) || p.fitsBare(&frames[n])) {
			n++
		}
		w.stageFitting(p, frames[:n])
		if n < len(frames) {
			w.stage(p, frames[n])
			n++
		}
		frames = frames[n:]
	}
}

// fits reports whether the port takes f for certain; of a packet in several buffers, or that is not finished,
// stage finds out.
func (p *workerPort) fits(f frame.Frame) bool {
	return f.Len() <= p.room && f.Plain()
}

// fitsBare forgets what outer headers a packet came in, as all do that leave, and reports whether the port takes it
// for certain then.
func (p *workerPort) fitsBare(f *frame.Frame) bool {
	if f.Flags()&frame.HasTunnel == 0 {
		return false
	}
	f.SetFlags(f.Flags() &^ frame.HasTunnel)
	return p.fits(*f)
}

// stage puts one frame among those that leave by p: finished, if the port wants it so, and in pieces if it is
// too long.
func (w *pipeline) stage(p *workerPort, f frame.Frame) {
	f.SetFlags(f.Flags() &^ frame.HasTunnel)
	if f.Flags()&frame.HasOffload != 0 {
		w.stageUnfinished(p, f)
		return
	}
	if p.fits(f) || w.pool.Total(f) <= p.room || !w.segment(p, f) {
		w.one[0] = f
		w.stageFitting(p, w.one[:])
	}
}

// stageFitting puts frames that need not be cut among those that leave by p.
func (w *pipeline) stageFitting(p *workerPort, frames []frame.Frame) {
	t := &p.tx
	for len(frames) > 0 {
		if t.batch.Room() == 0 {
			w.send(t)
		}
		n := min(len(frames), t.batch.Room())
		t.batch.AppendAll(frames[:n])
		frames = frames[n:]
		if !t.listed {
			t.listed = true
			w.sends = append(w.sends, p)
		}
	}
}

// send hands what is staged to the queue, or to the worker that has it.
func (w *pipeline) send(t *txStage) {
	was := w.stages.Enter(stage.Transmit)
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
	w.stages.Enter(was)
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

// takeOver stages the frames other workers have handed over and returns their number, and whether these are all that there were
// when it began. What they add meanwhile is for the next cycle.
func (w *pipeline) takeOver() (total int, all bool) {
	all = true
	for _, p := range w.served {
		from := p.tx.from.frames
		for left := from.Len(); left > 0; {
			n := from.PopN(w.taken[:min(left, len(w.taken))])
			if n == 0 {
				all = false
				break // the rest is still being written
			}
			w.stageFitting(p, w.taken[:n])
			total += n
			left -= n
		}
	}
	return total, all
}
