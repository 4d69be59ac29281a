package datapath

import "github.com/culvertdev/culvert/datapath/upcall"

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
		dup, ok := w.frames.CopyFront(f, size)
		if !ok {
			w.count.drop(dropNoFrames, 1)
			continue
		}
		w.pool.Meta(dup).Hash = w.pool.Meta(f).Hash
		p.up.Sent.Push(upcall.Sent{Frame: dup, ID: id, Recirc: r.recirc, Size: w.pool.Total(f)})
		w.count.events.Add(sentUp, 1)
	}
	w.kick()
}
