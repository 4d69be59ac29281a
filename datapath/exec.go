package datapath

import (
	"math"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/frame"
)

// A run is some packets that get the same actions, with the offsets of their headers. The slices
// alias the worker's scratch and are changed in place.
type run struct {
	port   uint32 // they came in by
	recirc uint32 // id they were looked up under
	depth  int    // how often they have been taken up again, at most
	clones bool   // of other packets, whose program goes on after this one
	frames []frame.Frame
	l3, l4 []uint16
	all    frame.Measure // of frames, as they are; nothing where nobody has measured them
}

// whole is OpTrunc's argument for packets that are sent as they are.
const whole = math.MaxInt

// run executes a program over the packets of r and consumes them.
func (w *pipeline) run(words []uint64, r run) {
	if len(words) == 0 {
		w.drop(action.NoMatch, r.frames)
		return
	}
	size := whole // bytes that the next output sends at most
	for len(r.frames) > 0 {
		in, rest, ok := action.Next(words)
		if !ok {
			w.free(r.frames) // the packets went out before the last operation
			return
		}
		switch in.Op {
		case action.OpOutput:
			if len(rest) == 0 {
				w.output(in.Arg, size, &r)
				return
			}
			w.outputCopies(in.Arg, r.frames, size)
			size = whole
		case action.OpSet:
			action.Set(w.pool, &in, r.frames, r.l3, r.l4)
		case action.OpPushVLAN:
			w.pushVLAN(uint16(in.Arg>>16), uint16(in.Arg), &r)
			r.all = frame.Measure{}
		case action.OpPopVLAN:
			w.popVLAN(&r)
			r.all = frame.Measure{}
		case action.OpRecirc:
			w.recirc(in.Arg, &r)
			return
		case action.OpDrop:
			w.drop(action.Reason(in.Arg), r.frames)
			return
		case action.OpTrunc:
			size = int(in.Arg)
		case action.OpSend:
			w.sendUp(in.Arg, size, &r)
			size = whole
		case action.OpPush:
			was := w.stages.Enter(stage.Encapsulate)
			w.push(&in, rest, size, &r)
			w.stages.Enter(was)
			size = whole
		case action.OpClone:
			inner := rest[:in.Arg]
			if rest = rest[in.Arg:]; len(rest) == 0 {
				rest, size = inner, whole // nothing needs the packets any more
				break
			}
			w.clone(inner, &r)
		default:
			w.rare(&in, &r)
			r.all = frame.Measure{}
		}
		words = rest
	}
}

// rare executes the operations that most programs have none of.
func (w *pipeline) rare(in *action.Instruction, r *run) {
	switch in.Op {
	case action.OpHash:
		w.hash(action.HashAlg(in.Arg>>24), in.Arg&0xffffff, r)
	case action.OpLarger:
		w.larger(int(in.Arg), r)
	case action.OpPushMPLS:
		w.pushMPLS(uint16(in.Value[0]), in.Arg, r)
	case action.OpPopMPLS:
		w.popMPLS(uint16(in.Arg), r)
	case action.OpMeter:
		w.meter(in.Arg, r)
	default:
		panic("datapath: unknown operation")
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

// hash computes dp_hash from what the packets are now.
func (w *pipeline) hash(alg action.HashAlg, basis uint32, r *run) {
	for i, f := range r.frames {
		w.pool.Meta(f).Hash = action.Hash(alg, basis, w.pool.Bytes(f), int(r.l3[i]), int(r.l4[i]))
	}
}

// larger makes dp_hash say which packets are longer than size bytes, as they will be on a wire.
func (w *pipeline) larger(size int, r *run) {
	for _, f := range r.frames {
		m := w.pool.Meta(f)
		if m.Hash = 0; w.wireSize(f) > size {
			m.Hash = 1
		}
	}
}

// meter drops the packets that exceed a meter.
func (w *pipeline) meter(slot uint32, r *run) {
	for i, f := range r.frames {
		w.sizes[i] = uint32(w.pool.Total(f))
	}
	exceed := w.meters.Run(w.id, slot, w.now, w.sizes[:len(r.frames)])
	if exceed == 0 {
		return
	}
	n := 0
	for i, f := range r.frames {
		if exceed>>i&1 != 0 {
			w.frames.Put(f)
			continue
		}
		r.keep(n, i)
		n++
	}
	w.count.drops.Add(int(action.Metered), uint64(len(r.frames)-n))
	r.frames = r.frames[:n]
}

// keep moves packet i to place n.
func (r *run) keep(n, i int) {
	r.frames[n], r.l3[n], r.l4[n] = r.frames[i], r.l3[i], r.l4[i]
}
