package openflow

import (
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// normal is NORMAL written down as the tags themselves, in lists.
func (w *walk) normal() {
	in := w.byNumber(w.p.key.Uint(flow.FieldInPort))
	if in == nil {
		return
	}
	typ := w.p.key.Uint(flow.FieldEthType)
	if !w.tagged() && (typ == 0x8100 || typ == 0x88a8) {
		return
	}
	var came []tag
	for i := 0; i < 2 && w.p.tag(i)&flow.VLANPresent != 0; i++ {
		came = append(came, w.p.tag(i))
	}
	tags, ok := taken(&in.VLAN, came)
	dst := [6]byte(w.p.key.Bytes(flow.FieldEthDst))
	if !ok || reservedMAC(dst) {
		return
	}
	vlan := vidOf(tags, 0)
	targets, known := w.ports, false
	if id, ok := w.known[fdb.MakeKey(vlan, dst)]; ok && !slices.Contains(w.flood, vlan) {
		targets, known = []rules.Port{*w.byID(id)}, true
	}
	before := w.p
	for i := range targets {
		p := &targets[i]
		if p.ID == in.ID || !member1(&p.VLAN, tags) || !known && p.Flags&rules.NoFlood != 0 {
			continue
		}
		rest := slices.Clone(w.p.tags[min(len(came), len(w.p.tags)):])
		w.p.setTags(append(given(&p.VLAN, &in.VLAN, tags, came), rest...))
		w.send1(p)
		w.p = before
	}
}

func vidOf(tags []tag, i int) uint16 {
	if i < len(tags) {
		return tags[i].tci() & 0xfff
	}
	return 0
}

func listed(list []uint16, vlan uint16) bool { return len(list) == 0 || slices.Contains(list, vlan) }

func native(v *rules.VLAN) bool {
	return v.Mode == rules.VLANNativeTagged || v.Mode == rules.VLANNativeUntagged
}

// taken returns the tags that a packet has inside of the bridge.
func taken(v *rules.VLAN, came []tag) (tags []tag, ok bool) {
	vlan := vidOf(came, 0)
	own := makeTag(0x8100, v.Tag)
	if len(came) > 0 {
		own = came[0]&^0x1fff | tag(v.Tag)
	}
	switch {
	case v.Mode == rules.VLANAccess:
		return []tag{own}, vlan == 0
	case v.Mode == rules.VLANDot1qTunnel:
		typ := v.QinQType
		if typ == 0 {
			typ = 0x88a8
		}
		return append([]tag{makeTag(typ, v.Tag)}, came...), listed(v.CVLANs, vlan)
	case native(v) && vlan == 0:
		return append([]tag{own}, came[min(1, len(came)):]...), true
	case native(v):
		return came, vlan == v.Tag || listed(v.Trunks, vlan)
	}
	return came, listed(v.Trunks, vlan)
}

// member1 reports whether a port is in the VLAN of a packet with these tags.
func member1(v *rules.VLAN, tags []tag) bool {
	vlan, inner := vidOf(tags, 0), vidOf(tags, 1)
	switch {
	case v.Mode == rules.VLANAccess:
		return vlan == v.Tag && inner == 0
	case v.Mode == rules.VLANDot1qTunnel:
		return vlan == v.Tag && listed(v.CVLANs, inner)
	case native(v):
		return vlan != 0 && (vlan == v.Tag || listed(v.Trunks, vlan))
	}
	return listed(v.Trunks, vlan)
}

// given returns the tags that a packet leaves a port with.
func given(v, in *rules.VLAN, tags, came []tag) []tag {
	vlan := vidOf(tags, 0)
	kept := in.Mode == rules.VLANTrunk || native(in) && vidOf(came, 0) != 0
	pop := v.Mode == rules.VLANDot1qTunnel || v.Mode == rules.VLANNativeUntagged && vlan == v.Tag
	if kept && vlan != 0 && !pop && v.Mode != rules.VLANAccess {
		return came
	}
	var out []tag
	switch {
	case v.Mode == rules.VLANAccess:
	case pop:
		out = slices.Clone(tags[1:])
	default:
		out = slices.Clone(tags)
	}
	if v.PriorityTags != rules.PriorityTagsNever {
		if len(out) == 0 {
			out = []tag{0}
		}
		out[0] &^= 0xe000
		if len(came) > 0 {
			out[0] |= came[0] & 0xe000
		}
	}
	for i, t := range out {
		if t&0xefff == 0 && (v.PriorityTags != rules.PriorityTagsAlways || t.tpid() == 0) {
			return out[:i]
		}
		if t.tpid() == 0 {
			t |= 0x8100 << 16
		}
		out[i] = t | 0x1000
	}
	return out
}
