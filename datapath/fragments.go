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
	if why := encap.Fragment(w.frames, w.pushing.pusher.Counters, f, mtu, &w.pushing.batch); why != encap.Good {
		w.dropTunnel(h.Tunnel, why, 1)
		w.frames.Put(f)
		return
	}
	w.run(rest, w.takeParts(r, 0))
}

// pushCut cuts a packet that is longer than its tunnel takes, the only one of r, into IPv4 fragments and pushes these.
func (w *pipeline) pushCut(h *action.Header, rest []uint64, r *run) {
	f, l3 := r.frames[0], r.l3[0]
	if why := encap.FragmentInner(w.frames, f, int(l3), int(h.Longest), &w.pushing.batch); why != encap.Good {
		w.dropTunnel(h.Tunnel, why, 1)
		w.frames.Put(f)
		return
	}
	parts := w.takeParts(r, l3)
	w.pushAll(h, &parts)
	w.run(rest, parts)
}

// takeParts returns a run, otherwise as r, of the fragments in w.pushing.batch, with their network headers at l3.
func (w *pipeline) takeParts(r *run, l3 uint16) run {
	u := &w.pushing
	n := copy(u.parts[:], u.batch.Frames())
	u.batch.Reset()
	w.count.events.Add(fragmented, 1)
	parts := *r
	parts.frames, parts.l3, parts.l4 = u.parts[:n], u.l3[:n], u.l4[:n]
	for i := range parts.l3 {
		parts.l3[i], parts.l4[i] = l3, 0
	}
	return parts
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
