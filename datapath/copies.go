package datapath

import "github.com/culvertdev/culvert/ring/frame"

// Bounds on clones, so that no program takes a worker long.
const (
	maxCloneDepth = 8 // clones in clones, those in programs of packets taken up again included
	// maxClones is the most packets made by the clones of one batch: each of 64 goes to as many ends of an overlay as an answer may
	// have (vtep.MaxEnds), which are 512, and there is half as much room for others.
	maxClones = 3 << 14
)

// A cloneLevel is the scratch of one level of clones.
type cloneLevel struct {
	frames [frame.MaxBatch]frame.Frame
	l3, l4 [frame.MaxBatch]uint16
}

// clones is the state of the clones of the batch in hand.
type clones struct {
	depth int // levels in use
	left  int // packets that may still be made
	level [maxCloneDepth]cloneLevel
}

// clone runs a program over copies of the packets.
func (w *pipeline) clone(words []uint64, r *run) {
	c := &w.clones
	if c.depth == maxCloneDepth {
		w.count.drop(dropCloneDepth, len(r.frames))
		return
	}
	l := &c.level[c.depth]
	n := 0
	for i, f := range r.frames {
		if c.left == 0 {
			w.count.drop(dropTooManyClones, 1)
			continue
		}
		c.left--
		dup, ok := w.frames.Copy(f)
		if !ok {
			w.count.drop(dropNoFrames, 1)
			continue
		}
		w.pool.Meta(dup).Hash = w.pool.Meta(f).Hash
		w.journeys.Copy(dup, f)
		l.frames[n], l.l3[n], l.l4[n] = dup, r.l3[i], r.l4[i]
		n++
	}
	c.depth++
	w.run(words, run{
		port: r.port, recirc: r.recirc, depth: r.depth, clones: true,
		frames: l.frames[:n], l3: l.l3[:n], l4: l.l4[:n],
	})
	c.depth--
}

// outputCopies sends a copy of each packet out of a port, of size bytes at most.
func (w *pipeline) outputCopies(port uint32, frames []frame.Frame, size int) {
	p := w.port(port)
	if p == nil {
		w.count.drop(dropPortGone, len(frames))
		return
	}
	for _, f := range frames {
		dup, ok := w.frames.CopyFront(f, size)
		if !ok {
			w.count.drop(dropNoFrames, 1)
			continue
		}
		w.stage(p, dup)
	}
}

// cutAll has no packet of r longer than size bytes.
func (w *pipeline) cutAll(size int, r *run) {
	for i := range r.frames {
		w.frames.Cut(&r.frames[i], size)
	}
	r.all = frame.Measure{}
}

// output sends the packets themselves out of a port, of each size bytes at most.
func (w *pipeline) output(port uint32, size int, r *run) {
	p := w.port(port)
	if p == nil {
		w.count.drop(dropPortGone, len(r.frames))
		w.free(r.frames)
		return
	}
	if size != whole {
		w.cutAll(size, r)
	}
	if r.all.Plain && r.all.Longest <= p.room {
		w.stageFitting(p, r.frames)
		return
	}
	w.stageAll(p, r.frames)
}
