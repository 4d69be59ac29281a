package datapath

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/encap"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// reassemblyBuffers is how many buffers a worker may hold with outer fragments whose packets are not whole yet.
const reassemblyBuffers = 512

// pushFragments pushes a packet that is longer than its tunnel takes, the only one of r, and lets it leave in
// fragments; rest is the program behind the push.
func (w *pipeline) pushFragments(h *action.Header, rest []uint64, r *run) {
	before := w.pool.Total(r.frames[0])
	w.pushAll(h, r)
	if len(r.frames) == 0 {
		return
	}
	f := r.frames[0]
	// What the tunnel takes and what the stack adds to it make what the underlay takes.
	stack := w.pool.Total(f) - before
	mtu := int(h.Longest) + stack - linkSize(w.pool.Bytes(f))
	b := &w.pushing.batch
	if why := encap.Fragment(w.frames, w.pushing.pusher.Counters, f, mtu, b); why != encap.Good {
		w.count.dropTunnel(why, 1)
		w.frames.Put(f)
		return
	}
	parts := *r
	n := copy(w.pushing.parts[:], b.Frames())
	parts.frames, parts.l3, parts.l4 = w.pushing.parts[:n], w.pushing.l3[:n], w.pushing.l4[:n]
	clear(parts.l3)
	clear(parts.l4)
	b.Reset()
	w.run(rest, parts)
}

// linkSize returns the bytes of the Ethernet header and the VLAN tag of a packet that was pushed.
func linkSize(pkt []byte) int {
	if binary.BigEndian.Uint16(pkt[wire.EthType:]) == wire.TypeVLAN {
		return wire.EthernetSize + wire.VLANTagSize
	}
	return wire.EthernetSize
}

// reassemble takes the outer fragments among frames, which have a bit in set. What they have made whole is in
// w.popping.whole.
func (w *pipeline) reassemble(frames []frame.Frame, set uint64) {
	for ; set != 0; set &= set - 1 {
		whole, ok := w.popping.fragments.Add(frames[bits.TrailingZeros64(set)], w.now)
		if ok {
			w.popping.whole.Append(whole) // it is looked up in the place of its last fragment
		} else {
			w.count.levels.Add(undecided, 1)
		}
	}
}

// ageFragments drops outer fragments whose packets do not become whole, and counts those that were dropped.
func (w *pipeline) ageFragments() {
	r := w.popping.fragments
	if r == nil {
		return
	}
	r.Expire(w.now)
	for why := encap.Good + 1; why < encap.NumReasons; why++ {
		n := r.Drops(why)
		if old := w.popping.dropped[why]; n != old {
			w.count.dropTunnel(why, int(n-old))
			w.popping.dropped[why] = n
		}
	}
}
