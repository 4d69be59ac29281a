package openflow

import (
	"math/bits"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// mirrorIngress sends copies of a packet that has come in, before anything is done to it and whatever becomes of
// it.
func (x *xlate) mirrorIngress(in *rules.Port) {
	if s := x.t.mirrors; s != nil {
		place := x.t.ports.place(in)
		x.mirror(place, s.src[place.ID])
	}
}

// mirrorEgress sends copies of a packet that goes out, as it does.
func (x *xlate) mirrorEgress(place *rules.Port) {
	if s := x.t.mirrors; s != nil {
		x.mirror(place, s.dst[place.ID])
	}
}

// mirror sends copies of the packet as it is to where mirrors say that select it on a port, one to each place
// while the packet is under way. It is in the VLAN in which the port would take it in; what a port does not
// take, mirrors do not select. A copy is mirrored like anything else that goes out, by mirrors that have not
// selected the packet itself: with Open vSwitch the order of the mirrors in its database says which of the two they get.
func (x *xlate) mirror(port *rules.Port, selected mirrorMask) {
	if selected &^= x.mirrored; selected == 0 {
		return
	}
	m, ok := x.member(port)
	if !ok {
		return
	}
	selected = x.t.mirrors.inVLAN(selected, m.vlan)
	x.selected |= selected
	// What becomes of a copy is not what becomes of the packet.
	outputs, reason, trunc, switched := x.outputs, x.reason, x.trunc, x.switched
	x.switched = false
	x.mirrored |= selected
	for selected != 0 {
		a := &x.t.mirrors.list[bits.TrailingZeros32(uint32(selected))]
		selected &^= a.same
		x.mirrored |= a.same
		x.trunc = uint32(a.Snaplen)
		if x.q.Trace != nil {
			x.trace(x.level(), "-> mirror %s", a.Name)
		}
		if a.out != nil {
			x.retag(x.sendTagged(a.out, &m, m.was), m.was)
		} else {
			x.mirrorToVLAN(a.OutputVLAN, m)
		}
	}
	x.outputs, x.reason, x.trunc, x.switched = outputs, reason, trunc, switched
}

// inVLAN returns those of the mirrors in a mask that select packets of a VLAN.
func (s *mirrors) inVLAN(mask mirrorMask, vlan uint16) (in mirrorMask) {
	for rest := mask; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros32(uint32(rest))
		if s.list[i].vlans.has(vlan) {
			in |= 1 << i
		}
	}
	return in
}

// mirrorToVLAN sends a packet to all ports of a VLAN, that from which it came included: it is another VLAN.
// Packets that are in the VLAN anyway stay out of it, and those to link-local control addresses, which other
// switches would take for their neighbour's.
func (x *xlate) mirrorToVLAN(vlan uint16, m member) {
	x.see(flow.FieldEthDst)
	if m.vlan == vlan || reservedMAC([6]byte(x.work.Bytes(flow.FieldEthDst))) {
		return
	}
	m.tags[0] = m.tags[0].in(vlan)
	m.vlan, m.kept = vlan, false
	has := m.was
	for _, port := range x.t.ports.places {
		if x.goesTo(port, &m) && !x.t.mirrors.reserved(port) {
			has = x.sendTagged(port, &m, has)
		}
	}
	x.retag(has, m.was)
}

// creditMirrors notes which mirrors count the verdict's packets.
func (x *xlate) creditMirrors() {
	for rest := x.selected; rest != 0; rest &= rest - 1 {
		x.v.Trail = append(x.v.Trail, mirrorWord(x.t.mirrors.list[bits.TrailingZeros32(uint32(rest))].id))
	}
}
