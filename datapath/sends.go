package datapath

import (
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/ring/frame"
)

// sendDepth is how many packets of one port may wait for the rule table, per worker.
const sendDepth = 256

// sendUp gives copies of the packets, of size bytes at most, to the rule table.
func (w *pipeline) sendUp(id uint32, size int, r *run) {
	p := w.port(r.port)
	if p == nil {
		w.count.drop(dropPortGone, len(r.frames))
		return
	}
	for _, f := range r.frames {
		if !p.sends.Take(w.now) {
			w.count.drop(dropSendRate, 1)
			continue
		}
		if p.up.Sent.Len() == p.up.Sent.Cap() {
			w.count.drop(dropSendFull, 1)
			continue
		}
		dup, ok := w.copyFinished(f, size)
		if !ok {
			continue
		}
		w.pool.Meta(dup).Hash = w.pool.Meta(f).Hash
		p.up.Sent.Push(upcall.Sent{Frame: dup, ID: id, Recirc: r.recirc, Size: w.pool.Total(f)})
		w.count.events.Add(sentUp, 1)
	}
	w.kick()
}

// copyFinished returns a copy of the first size bytes of f, with its checksum complete: who looks at packets
// is not told what their senders left out. ok is false when there was none to be had.
func (w *pipeline) copyFinished(f frame.Frame, size int) (dup frame.Frame, ok bool) {
	unfinished := f.Flags()&frame.HasOffload != 0 && w.pool.Meta(f).Offload.Csum&frame.NeedsCsum != 0
	first := size
	if unfinished {
		first = whole
	}
	if dup, ok = w.frames.CopyFront(f, first); !ok {
		w.count.drop(dropNoFrames, 1)
		return dup, false
	}
	if unfinished {
		if !w.finishChecksum(dup) {
			return dup, false
		}
		dup.SetFlags(dup.Flags() &^ frame.HasOffload)
		w.frames.Cut(&dup, size)
	}
	return dup, true
}
