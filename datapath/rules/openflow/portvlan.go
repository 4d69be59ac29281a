package openflow

import "github.com/culvertdev/culvert/datapath/rules"

// A vlanSet has a bit for each VLAN. A nil set has all.
type vlanSet [4096 / 64]uint64

func newVLANSet(vlans []uint16) *vlanSet {
	s := new(vlanSet)
	for _, v := range vlans {
		s.add(v)
	}
	return s
}

func (s *vlanSet) add(v uint16)    { s[v%4096/64] |= 1 << (v % 64) }
func (s *vlanSet) remove(v uint16) { s[v%4096/64] &^= 1 << (v % 64) }

func (s *vlanSet) has(v uint16) bool { return s == nil || s[v/64]>>(v%64)&1 != 0 }

// portVLANs is the VLANs of a port.
type portVLANs struct {
	trunks *vlanSet // carried by a trunk or a port with a native VLAN
	cvlans *vlanSet // admitted by a dot1q-tunnel
}

// newPortVLANs returns the VLANs of a port. One with a native VLAN carries that in any case, and not
// VLAN 0: packets without a VLAN are in the native one.
func newPortVLANs(v *rules.VLAN) (p portVLANs) {
	if len(v.Trunks) > 0 {
		p.trunks = newVLANSet(v.Trunks)
	}
	if len(v.CVLANs) > 0 {
		p.cvlans = newVLANSet(v.CVLANs)
	}
	native := v.Mode == rules.VLANNativeTagged || v.Mode == rules.VLANNativeUntagged
	if !native || v.Tag == 0 {
		return p
	}
	if p.trunks == nil {
		p.trunks = new(vlanSet)
		for i := range p.trunks {
			p.trunks[i] = ^uint64(0)
		}
	}
	p.trunks.add(v.Tag)
	p.trunks.remove(0)
	return p
}

// admits reports whether a port takes packets whose outer tag has a VLAN; 0 is that of untagged ones.
func (p *ports) admits(port *rules.Port, vlan uint16) bool {
	set := p.vlans[port.ID]
	switch port.VLAN.Mode {
	case rules.VLANAccess:
		return vlan == 0 // a tag of VLAN 0 has a priority only
	case rules.VLANDot1qTunnel:
		return set.cvlans.has(vlan)
	case rules.VLANNativeTagged, rules.VLANNativeUntagged:
		return vlan == 0 || set.trunks.has(vlan)
	}
	return set.trunks.has(vlan)
}

// carries reports whether port is in a VLAN as far as the outer tag says.
func (p *ports) carries(port *rules.Port, vlan uint16) bool {
	switch port.VLAN.Mode {
	case rules.VLANAccess, rules.VLANDot1qTunnel:
		return port.VLAN.Tag == vlan
	}
	return p.vlans[port.ID].trunks.has(vlan)
}

// carriesInside reports whether a port that carries a packet's VLAN takes the VLAN of the tag behind it,
// 0 if there is none.
func (p *ports) carriesInside(port *rules.Port, vlan uint16) bool {
	switch port.VLAN.Mode {
	case rules.VLANAccess:
		return vlan == 0
	case rules.VLANDot1qTunnel:
		return p.vlans[port.ID].cvlans.has(vlan)
	}
	return true
}
