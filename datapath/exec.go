package datapath

import (
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// A run is some packets that get the same actions, with the offsets of their headers. The slices
// alias the worker's scratch and are changed in place.
type run struct {
	port   uint32 // they came in by
	frames []frame.Frame
	l3, l4 []uint16
}

// run executes a program over the packets of r and consumes them.
func (w *pipeline) run(words []uint64, r run) {
	if len(words) == 0 {
		w.drop(action.NoMatch, r.frames)
		return
	}
	for len(r.frames) > 0 {
		in, rest, ok := action.Next(words)
		if !ok {
			w.free(r.frames) // the packets went out before the last operation
			return
		}
		switch in.Op {
		case action.OpOutput:
			if len(rest) == 0 {
				w.output(in.Arg, r.frames)
				return
			}
			w.outputCopies(in.Arg, r.frames)
		case action.OpSet:
			action.Set(w.pool, &in, r.frames, r.l3, r.l4)
		case action.OpPushVLAN:
			w.pushVLAN(uint16(in.Arg>>16), uint16(in.Arg), &r)
		case action.OpPopVLAN:
			w.popVLAN(&r)
		case action.OpRecirc:
			w.recirc(in.Arg, &r)
			return
		case action.OpDrop:
			w.drop(action.Reason(in.Arg), r.frames)
			return
		default:
			panic("datapath: unknown operation")
		}
		words = rest
	}
}

func (w *pipeline) free(frames []frame.Frame) {
	for _, f := range frames {
		w.frames.Put(f)
	}
}

func (w *pipeline) drop(r action.Reason, frames []frame.Frame) {
	w.count.drops.Add(int(r), uint64(len(frames)))
	w.free(frames)
}

// recirc puts the packets aside for another pass under id.
func (w *pipeline) recirc(id uint32, r *run) {
	a := &w.again
	for _, f := range r.frames {
		a.port[a.n], a.id[a.n], a.f[a.n] = r.port, id, f
		a.n++
	}
}

// pushVLAN adds an outer tag; packets without room for it in front are dropped.
func (w *pipeline) pushVLAN(tpid, tci uint16, r *run) {
	n := 0
	for i := range r.frames {
		if !wire.PushVLAN(w.pool, &r.frames[i], tpid, tci) {
			w.count.drop(dropNoHeadroom, 1)
			w.frames.Put(r.frames[i])
			continue
		}
		r.frames[n] = r.frames[i]
		r.l3[n], r.l4[n] = shift(r.l3[i], wire.VLANTagSize), shift(r.l4[i], wire.VLANTagSize)
		n++
	}
	r.frames = r.frames[:n]
}

// popVLAN removes the outer tag; packets without one stay as they are.
func (w *pipeline) popVLAN(r *run) {
	for i := range r.frames {
		if wire.PopVLAN(w.pool, &r.frames[i]) {
			r.l3[i], r.l4[i] = shift(r.l3[i], -wire.VLANTagSize), shift(r.l4[i], -wire.VLANTagSize)
		}
	}
}

// shift moves a header offset by n bytes; 0 means there is no header and stays.
func shift(off uint16, n int) uint16 {
	if off == 0 {
		return 0
	}
	return uint16(int(off) + n)
}

// outputCopies sends a copy of each packet out of a port.
func (w *pipeline) outputCopies(port uint32, frames []frame.Frame) {
	p := w.port(port)
	if p == nil {
		w.count.drop(dropPortGone, len(frames))
		return
	}
	for _, f := range frames {
		dup, ok := w.frames.Copy(f)
		if !ok {
			w.count.drop(dropNoFrames, 1)
			continue
		}
		w.stage(p, dup)
	}
}

// output sends the packets themselves out of a port.
func (w *pipeline) output(port uint32, frames []frame.Frame) {
	p := w.port(port)
	if p == nil {
		w.count.drop(dropPortGone, len(frames))
		w.free(frames)
		return
	}
	w.stageAll(p, frames)
}
