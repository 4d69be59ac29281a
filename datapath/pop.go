package datapath

import (
	"math/bits"

	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/stage"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// What a worker counts of a port that is a tunnel.
const (
	tunnelRxPackets = iota
	tunnelRxBytes
	tunnelTxPackets
	tunnelTxBytes
	tunnelDrops // of the first reason; the others follow
)

// tunnelCounters are those that queues have under the same names, bytes those of inner packets, and why packets were
// dropped.
func tunnelCounters() []counter.Desc {
	rx, tx := pmd.RxCounters(), pmd.TxCounters()
	return append([]counter.Desc{
		tunnelRxPackets: rx[pmd.RxPackets], tunnelRxBytes: rx[pmd.RxBytes],
		tunnelTxPackets: tx[pmd.TxPackets], tunnelTxBytes: tx[pmd.TxBytes],
	}, encap.Reasons()[1:]...)
}

// dropTunnel counts n packets dropped on their way into or out of the tunnel of a port; 0 if nobody knows of which.
func (w *pipeline) dropTunnel(port uint32, why encap.Reason, n int) {
	w.count.dropTunnel(why, n)
	if p := w.port(port); p != nil && p.tunnel != nil {
		p.tunnel.Add(tunnelDrops+int(why)-1, uint64(n))
	}
}

// popping is what a worker needs to take packets out of tunnels.
type popping struct {
	popper    *encap.Popper
	fragments *encap.Reassembler
	dropped   [encap.NumReasons]uint64 // of fragments, those that are in the drop counters
	batch     frame.Batch              // packets of one tunnel
	whole     frame.Batch              // packets that were fragments
	taken     [frame.MaxBatch]frame.Frame
	alike     *[frame.TunnelBlock]byte // for the next pass: what is kept of the outer headers of all its packets; else nil
}

// pop takes those packets of b out of their tunnels that have come to p by one, and deals with them as packets that
// came in by the tunnels' ports. What is left in b are ordinary packets of p.
func (w *pipeline) pop(p *workerPort, b *frame.Batch) {
	x := w.popping.popper
	x.Partial = p.partial
	x.PopBare(p.under, b.Frames())
	if x.Popped|x.Dropped|x.Fragments == 0 {
		return
	}
	if w.popAlike(p, b) {
		return
	}
	frames := w.popping.taken[:copy(w.popping.taken[:], b.Frames())]
	b.Reset()
	for left := ^(x.Popped | x.Dropped | x.Fragments) & (1<<len(frames) - 1); left != 0; left &= left - 1 {
		b.Append(frames[bits.TrailingZeros64(left)])
	}
	for left := x.Dropped; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		w.count.levels.Add(undecided, 1)
		w.dropTunnel(x.Port[i], x.Why[i], 1)
		w.frames.Put(frames[i])
	}
	w.reassemble(frames, x.Fragments)
	for left := x.Popped; left != 0; {
		left = w.arrive(p, frames, left)
	}
}

// popWhole does the same for packets whose last fragment was among those just popped.
func (w *pipeline) popWhole(p *workerPort) {
	b := &w.popping.whole
	if b.Len() == 0 {
		return
	}
	w.pop(p, b)
	if b.Len() > 0 {
		w.pass(p.id, 0, 0, b) // of no tunnel after all
	}
}

// popAlike deals with a batch of packets that have all come by the same tunnel, as most have between two hosts. It
// reports false for others.
func (w *pipeline) popAlike(p *workerPort, b *frame.Batch) bool {
	x := w.popping.popper
	if x.Popped != ^uint64(0)>>(64-b.Len()) {
		return false
	}
	differ, size := uint32(0), 0
	for i, f := range b.Frames() {
		differ |= x.Port[i] ^ x.Port[0]
		size += w.pool.Total(f)
	}
	if differ != 0 {
		return false
	}
	w.arrived(p, x.Port[0], size, x.Alike(), x.Options != 0, b)
	return true
}

// keepOuter gives frames what is kept of their outer headers, unless that is nil: they have it already, or came in none.
func (w *pipeline) keepOuter(frames []frame.Frame, kept *[frame.TunnelBlock]byte) {
	if kept != nil {
		w.pool.KeepTunnel(frames, kept)
	}
}

// arrive deals with those of the popped packets, the frames that have a bit in left, that came by the same tunnel as the
// first. It returns left without them.
func (w *pipeline) arrive(p *workerPort, frames []frame.Frame, left uint64) uint64 {
	w.stages.Enter(stage.Decapsulate)
	x, b := w.popping.popper, &w.popping.batch
	port, size, taken := x.Port[bits.TrailingZeros64(left)], 0, uint64(0)
	for set := left; set != 0; set &= set - 1 {
		if i := bits.TrailingZeros64(set); x.Port[i] == port {
			b.Append(frames[i])
			size += w.pool.Total(frames[i])
			taken |= 1 << i
		}
	}
	w.arrived(p, port, size, nil, x.Options&taken != 0, b)
	return left &^ taken
}

// arrived deals with packets of size bytes that have come by the tunnel of a port, to p. alike is what is kept of their
// outer headers if these are the same; else nil.
func (w *pipeline) arrived(p *workerPort, port uint32, size int, alike *[frame.TunnelBlock]byte, options bool, b *frame.Batch) {
	t := w.port(port)
	if t == nil || t.tunnel == nil {
		w.count.levels.Add(undecided, uint64(b.Len()))
		w.count.drop(dropPortGone, b.Len())
		w.frames.PutBatch(b)
		return
	}
	t.tunnel.Add(tunnelRxPackets, uint64(b.Len()))
	t.tunnel.Add(tunnelRxBytes, uint64(size))
	t.partial = t.partial || p.partial // what the sender left to hardware may be inside
	// Options have to be read, for those that must be understood.
	if options || !w.passWhole(port, b) {
		w.popping.alike = alike
		w.pass(port, 0, 0, b)
	}
}
