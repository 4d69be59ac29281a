package openflow

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A tagStack is VLAN tags, the outermost first; 0 ends them. One that came in with as many tags as a
// key has room for may have a service tag on top.
type tagStack [keyTags + 1]tag

func (s *tagStack) len() int {
	for i, t := range s {
		if t == 0 {
			return i
		}
	}
	return len(s)
}

// A member is a packet that NORMAL has taken into a VLAN.
type member struct {
	was tagStack // the tags it came with
	// tags are those it has in the bridge: was and what its port makes of them. flow.VLANPresent is not
	// set: a tag whose TCI is 0 is one that it leaves without, unless a port has priority tags.
	tags tagStack
	vlan uint16 // of the outer one
	kept bool   // its port has left the tags as they were
}

// member takes the packet into the VLAN that its port says, and reports whether the port admits it.
func (x *xlate) member(in *rules.Port) (m member, ok bool) {
	vlan := uint16(0)
	if x.tagged() {
		x.seeBits(flow.FieldVLANTCI, tciVID)
		m.was[0], m.was[1] = outerTag(&x.work), innerTag(&x.work)
		vlan = m.was[0].vid()
	}
	if !x.t.ports.admits(in, vlan) {
		return m, false
	}
	for i, t := range m.was {
		m.tags[i] = t &^ flow.VLANPresent
	}
	switch mode := in.VLAN.Mode; {
	case mode == rules.VLANDot1qTunnel:
		copy(m.tags[1:], m.tags[:keyTags])
		m.tags[0] = makeTag(serviceType(&in.VLAN), in.VLAN.Tag)
	case mode == rules.VLANAccess:
		m.tags = tagStack{m.tags[0].in(in.VLAN.Tag)}
	case vlan == 0 && mode != rules.VLANTrunk:
		m.tags[0] = m.tags[0].in(in.VLAN.Tag)
	default:
		m.kept = true
	}
	m.vlan = m.tags[0].vid()
	return m, true
}

// serviceType returns the EtherType of the service tag of a dot1q-tunnel port.
func serviceType(v *rules.VLAN) uint16 {
	if v.QinQType != 0 {
		return v.QinQType
	}
	return tpid8021AD
}

// in returns a tag of a VLAN with the type and priority of t, if it has them.
func (t tag) in(vlan uint16) tag {
	if t.tpid() == 0 {
		t |= makeTag(tpid8021Q, 0)
	}
	return makeTag(t.tpid(), t.tci()&^tciVID|vlan)
}

// goesTo reports whether a port is in the packet's VLAN.
func (x *xlate) goesTo(port *rules.Port, m *member) bool {
	if !x.t.ports.carries(port, m.vlan) {
		return false
	}
	if m.was[0] != 0 && (port.VLAN.Mode == rules.VLANAccess || port.VLAN.Mode == rules.VLANDot1qTunnel) {
		// The tag behind is the inner one, or the outer, whose VLAN is consulted.
		x.seeBits(flow.FieldVLANTCI1, tciVID|flow.VLANPresent)
	}
	return x.t.ports.carriesInside(port, m.tags[1].vid())
}

// tagsOn returns the tags of a packet on a port. A VLAN of 0 without a priority is no tag, as with OVS.
func (x *xlate) tagsOn(port *rules.Port, m *member) tagStack {
	pops := 0
	switch v := &port.VLAN; v.Mode {
	case rules.VLANAccess:
		pops = len(m.tags)
	case rules.VLANDot1qTunnel:
		pops = 1
	case rules.VLANNativeUntagged:
		if m.vlan == v.Tag {
			pops = 1
		}
	}
	if pops == 0 && m.kept && m.vlan != 0 {
		return m.was // whatever else is in them
	}
	x.seeTags(&m.was)
	var out tagStack
	copy(out[:], m.tags[pops:])
	priority := port.VLAN.PriorityTags
	if priority != rules.PriorityTagsNever {
		// The priority is that of the tag it came with, also where another has become the outer one.
		out[0] = out[0]&^tciPCP | m.was[0]&tciPCP
	}
	for i := range out {
		out[i] = out[i].sent(priority == rules.PriorityTagsAlways)
	}
	clear(out[out.len():])
	return out
}

// sent returns a tag as it is sent; 0: it is not. zero is whether one of VLAN 0 without a priority is.
func (t tag) sent(zero bool) tag {
	if t.tci() == 0 && (t.tpid() == 0 || !zero) {
		return 0
	}
	if t.tpid() == 0 {
		t |= makeTag(tpid8021Q, 0)
	}
	return t | flow.VLANPresent
}

// seeTags consults the tags a packet came with as a whole.
func (x *xlate) seeTags(was *tagStack) {
	if was[0] == 0 {
		return
	}
	for _, f := range [...]flow.FieldID{flow.FieldVLANTCI, flow.FieldVLANTPID, flow.FieldVLANTCI1, flow.FieldVLANTPID1} {
		x.see(f)
	}
}

// retag gives the packet the tags want in place of the tags has. What both end with stays.
func (x *xlate) retag(has, want tagStack) {
	h, w := has.len(), want.len()
	for h > 0 && w > 0 && has[h-1] == want[w-1] {
		h, w = h-1, w-1
	}
	last := max(h-1, 0) // innermost of those that go
	for ; h > 1; h-- {
		x.popVLAN()
	}
	switch {
	case h == 1 && w > 0 && has[last].tpid() == want[w-1].tpid():
		w--
		x.changeTag(want[w].tci()&^flow.VLANPresent, tciVID|tciPCP)
	case h == 1:
		x.popVLAN()
	}
	for ; w > 0; w-- {
		x.pushVLAN(want[w-1].tpid(), want[w-1].tci())
	}
}
