package datapath

import (
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// stageUnfinished puts a packet whose sender has left work to whoever takes it, and has said so, among those
// that leave by p: as it is when the port takes it like that, finished here otherwise.
func (w *pipeline) stageUnfinished(p *workerPort, f frame.Frame) {
	o := w.pool.Meta(f).Offload
	if p.takes.All(pmd.Needs(&o)) && w.partsFit(p, f, &o) {
		w.one[0] = f
		w.stageFitting(p, w.one[:])
		return
	}
	switch {
	case o.GSO != frame.GSONone:
		if !w.segment(p, f) {
			w.count.drop(dropUncut, 1)
			w.frames.Put(f)
		}
		return
	case o.Csum&frame.NeedsCsum != 0:
		if !w.finishChecksum(f) {
			return
		}
	}
	f.SetFlags(f.Flags() &^ frame.HasOffload)
	w.stage(p, f)
}

// partsFit reports whether a packet, or what its receiver is to cut it into, is as short as p takes.
func (w *pipeline) partsFit(p *workerPort, f frame.Frame, o *frame.Offload) bool {
	if o.GSO == frame.GSONone {
		return w.pool.Total(f) <= p.room
	}
	cut, ok := cutAs(o.GSO, w.pool.Bytes(f), w.pool.Total(f))
	return ok && cut.Fit(p.mtu) >= int(o.GSOSize)
}

// finishChecksum completes the checksum that the sender of f says is missing. A packet whose field is not
// where it says is dropped; it then reports false.
func (w *pipeline) finishChecksum(f frame.Frame) bool {
	o := &w.pool.Meta(f).Offload
	if !wire.FinishChecksum(w.pool, f, int(o.CsumStart), int(o.CsumOffset)) {
		w.count.drop(dropBadOffload, 1)
		w.frames.Put(f)
		return false
	}
	w.count.events.Add(completed, 1)
	return true
}

// wireSize returns the bytes of the longest packet that f will be on a wire: of a segment to be cut, those
// of its parts.
func (w *pipeline) wireSize(f frame.Frame) int {
	total := w.pool.Total(f)
	if f.Flags()&frame.HasOffload == 0 {
		return total
	}
	o := &w.pool.Meta(f).Offload
	if o.GSO == frame.GSONone {
		return total
	}
	if cut, ok := cutAs(o.GSO, w.pool.Bytes(f), total); ok {
		return min(total, cut.Headers+int(o.GSOSize))
	}
	return total
}
