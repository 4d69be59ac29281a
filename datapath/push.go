package datapath

import (
	"math"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/ring/frame"
)

// pushing is what a worker needs to put packets into tunnels.
type pushing struct {
	pusher encap.Pusher
	busy   bool // packets are taken one by one; tunnels in this tunnel cut none again
	// Parts of a packet that does not go into its tunnel as it is, with the offsets of their headers.
	parts  [frame.MaxBatch]frame.Frame
	l3, l4 [frame.MaxBatch]uint16
	batch  frame.Batch // fragments
}

// push puts outer headers in front of the packets, of which it takes size bytes at most. rest is the program behind
// it, which push carries out itself when packets have to be taken one by one; there are none left in r then.
func (w *pipeline) push(in *action.Instruction, rest []uint64, size int, r *run) {
	h := in.Header()
	if size != whole {
		w.cutAll(size, r)
	}
	if w.fitsTunnel(&h, r) {
		w.pushMeasured(&h, r)
		return
	}
	w.pushEach(&h, rest, r)
}

// fitsTunnel reports whether nothing has to be done to any of the packets before they go into their tunnel.
func (w *pipeline) fitsTunnel(h *action.Header, r *run) bool {
	if !r.all.Plain {
		r.all = w.pool.Measure(r.frames)
		for _, f := range r.frames {
			if f.Flags()&frame.HasOffload != 0 {
				return false
			}
		}
	}
	return h.Longest == 0 || r.all.Longest <= int(h.Longest)
}

// pushAll pushes packets that fit.
func (w *pipeline) pushAll(h *action.Header, r *run) {
	r.all = w.pool.Measure(r.frames)
	w.pushMeasured(h, r)
}

// pushMeasured pushes packets that fit and have been measured.
func (w *pipeline) pushMeasured(h *action.Header, r *run) {
	u := &w.pushing
	u.pusher.Now = w.now
	bytes, before := r.all.Bytes, r.frames[0].Len()
	if left := u.pusher.Push(h.Stack, r.frames, r.l3, r.l4); left == 0 {
		stack := r.frames[0].Len() - before
		r.all.Bytes += stack * len(r.frames)
		r.all.Longest += stack
	} else {
		bytes -= w.dropUnpushed(h, r, left)
	}
	if p := w.port(h.Tunnel); p != nil && p.tunnel != nil {
		p.tunnel.Add(tunnelTxPackets, uint64(len(r.frames)))
		p.tunnel.Add(tunnelTxBytes, uint64(bytes))
	}
	clear(r.l3) // nothing is changed in headers that were just built
	clear(r.l4)
}

// dropUnpushed drops the packets that have a bit in left, and returns how many bytes they have.
func (w *pipeline) dropUnpushed(h *action.Header, r *run, left uint64) (size int) {
	n := 0
	for i, f := range r.frames {
		if left>>i&1 == 0 {
			r.keep(n, i)
			n++
			continue
		}
		size += w.pool.Total(f)
		w.dropTunnel(h.Tunnel, w.pushing.pusher.Why(h.Stack, f), 1)
		w.frames.Put(f)
	}
	r.frames, r.all = r.frames[:n], frame.Measure{}
	return size
}

// pushEach takes the packets one by one, so that each that has to be cut or finished leaves in its turn.
func (w *pipeline) pushEach(h *action.Header, rest []uint64, r *run) {
	u := &w.pushing
	if u.busy {
		w.dropTunnel(h.Tunnel, encap.TooBig, len(r.frames))
		w.free(r.frames)
		r.frames = r.frames[:0]
		return
	}
	u.busy = true
	r.all = frame.Measure{} // parts of r are taken for runs of their own
	for i, f := range r.frames {
		w.pushOne(h, rest, r, f, r.l3[i], r.l4[i])
	}
	u.busy = false
	r.frames = r.frames[:0]
}

// pushOne pushes one packet, finished and cut as far as it has to be.
func (w *pipeline) pushOne(h *action.Header, rest []uint64, r *run, f frame.Frame, l3, l4 uint16) {
	gso := f.Flags()&frame.HasOffload != 0 && w.pool.Meta(f).Offload.GSO != frame.GSONone
	long := h.Longest != 0 && w.pool.Total(f) > int(h.Longest)
	if gso || long && w.unsegmented(r.port, f) {
		if c, ok := w.cut(f, math.MaxInt, longest(h)); ok {
			w.pushParts(h, rest, r, &c, l3, l4)
			return
		}
		if gso {
			w.count.drop(dropUncut, 1)
			w.frames.Put(f)
			return
		}
	}
	if f.Flags()&frame.HasOffload != 0 {
		if w.pool.Meta(f).Offload.Csum&frame.NeedsCsum != 0 && !w.finishChecksum(f) {
			return
		}
		f.SetFlags(f.Flags() &^ frame.HasOffload)
	}
	part := w.alone(r, f, l3, l4)
	if !long {
		w.pushAll(h, &part)
		w.run(rest, part)
		return
	}
	w.pushLong(h, rest, &part)
}

// unsegmented reports whether f is longer than the port it came in by takes: its sender has left it to hardware to
// cut it, without a word.
func (w *pipeline) unsegmented(port uint32, f frame.Frame) bool {
	p := w.port(port)
	return p != nil && p.partial && w.pool.Total(f) > p.room
}

// longest returns how many bytes a packet may have that goes into a tunnel.
func longest(h *action.Header) int {
	if h.Longest == 0 {
		return math.MaxUint16
	}
	return int(h.Longest)
}

// pushParts pushes the segments of a packet that is cut.
func (w *pipeline) pushParts(h *action.Header, rest []uint64, r *run, c *cutting, l3, l4 uint16) {
	u := &w.pushing
	for more := true; more; {
		n := 0
		for ; n < len(u.parts); n++ {
			if u.parts[n], more = w.nextPart(c); !more {
				break
			}
			u.l3[n], u.l4[n] = l3, l4
		}
		parts := *r
		parts.frames, parts.l3, parts.l4 = u.parts[:n], u.l3[:n], u.l4[:n]
		w.pushAll(h, &parts)
		w.run(rest, parts)
	}
}

// alone returns a run of one of the packets of r.
func (w *pipeline) alone(r *run, f frame.Frame, l3, l4 uint16) run {
	u := &w.pushing
	u.parts[0], u.l3[0], u.l4[0] = f, l3, l4
	one := *r
	one.frames, one.l3, one.l4 = u.parts[:1], u.l3[:1], u.l4[:1]
	return one
}

// pushLong does with a packet that is longer than its tunnel takes what the header says.
func (w *pipeline) pushLong(h *action.Header, rest []uint64, r *run) {
	switch h.Excess {
	case action.ExcessFragment:
		w.pushFragments(h, rest, r)
		return
	case action.ExcessSend, action.ExcessCut:
		if encap.Cuttable(w.pool.Bytes(r.frames[0]), int(r.l3[0])) {
			w.pushCut(h, rest, r)
			return
		}
		if encap.Least(w.pool.Bytes(r.frames[0]), int(r.l3[0]), w.pool.Total(r.frames[0])) {
			w.pushFragments(h, rest, r)
			return
		}
		if h.Excess == action.ExcessSend {
			w.sendUp(h.Context, whole, r)
		}
	}
	w.dropTunnel(h.Tunnel, encap.TooBig, len(r.frames))
	w.free(r.frames)
}
