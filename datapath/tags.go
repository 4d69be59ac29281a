package datapath

import "github.com/culvertdev/culvert/encap/wire"

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

// pushMPLS adds a label stack entry in front of the network header, or behind Ethernet header and VLAN tags
// of packets of which nothing further is known. What is behind the label cannot be changed from then on.
// Packets without room for it in front are dropped.
func (w *pipeline) pushMPLS(typ uint16, entry uint32, r *run) {
	n := 0
	for i := range r.frames {
		at := int(r.l3[i])
		if at == 0 {
			at = wire.Payload(w.pool.Bytes(r.frames[i]), w.x.VLANLimit)
		}
		if !wire.PushMPLS(w.pool, &r.frames[i], at, typ, entry) {
			w.count.drop(dropNoHeadroom, 1)
			w.frames.Put(r.frames[i])
			continue
		}
		r.frames[n], r.l3[n], r.l4[n] = r.frames[i], uint16(at), 0
		n++
	}
	r.frames = r.frames[:n]
}

// popMPLS removes the outer label stack entry; packets without one stay as they are. What is behind the
// last one is unknown until the packet is taken up again: nothing has looked at it.
func (w *pipeline) popMPLS(typ uint16, r *run) {
	for i := range r.frames {
		at := int(r.l3[i])
		if wire.PopMPLS(w.pool, &r.frames[i], at, typ) && !wire.HasMPLS(w.pool.Bytes(r.frames[i]), at) {
			r.l3[i] = 0
		}
	}
}
