package openflow

import (
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/mdb"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// noPort is a datapath port that does not exist.
const noPort = ^uint32(0)

// ports are the ports of the bridge, which do not change: another set is another value.
//
// Rules know each port. NORMAL, its addresses, mirrors and multicast snooping know places: ports, and each bond in place
// of its members.
type ports struct {
	list     []rules.Port // by OpenFlow number; those of a bond with its settings
	byID     map[uint32]*rules.Port
	byNumber map[uint32]*rules.Port
	vlans    map[uint32]portVLANs // by ID of the port or place
	places   []*rules.Port        // ports that are no bond's in the order of list, then bonds
	byPlace  map[uint32]*rules.Port
	bonds    map[uint32]*bonded // by ID of the place, and of each member's port; nil: none
	// IDs of places that get all multicast packets, and all reports of who listens to them.
	mcastFlood, mcastReports []uint32
}

func newPorts(given []rules.Port, bonds []*bonded) *ports {
	p := &ports{
		list: slices.Clone(given), byID: make(map[uint32]*rules.Port), byNumber: make(map[uint32]*rules.Port),
		vlans: make(map[uint32]portVLANs), byPlace: make(map[uint32]*rules.Port),
	}
	joined := p.join(bonds)
	for i := range p.list {
		port := &p.list[i]
		p.byID[port.ID], p.byNumber[port.Number] = port, port
		p.vlans[port.ID] = newPortVLANs(&port.VLAN)
		if p.bonds[port.ID] == nil {
			p.addPlace(port)
		}
	}
	for i := range joined {
		p.vlans[joined[i].ID] = newPortVLANs(&joined[i].VLAN)
		p.addPlace(&joined[i])
	}
	return p
}

func (p *ports) addPlace(place *rules.Port) {
	p.places = append(p.places, place)
	p.byPlace[place.ID] = place
	if place.Multicast.Flood {
		p.mcastFlood = append(p.mcastFlood, place.ID)
	}
	if place.Multicast.FloodReports {
		p.mcastReports = append(p.mcastReports, place.ID)
	}
}

// join gives the ports of bonds their bond's settings and returns the places of the bonds that have ports. What one of
// them does not take part in, none does where the bond as a whole is meant.
func (p *ports) join(bonds []*bonded) (places []rules.Port) {
	for _, b := range bonds {
		place := rules.Port{
			ID: b.id, Number: b.id, Name: b.set.Name, VLAN: b.set.VLAN, Protected: b.set.Protected, Multicast: b.set.Multicast,
		}
		found := false
		for i := range p.list {
			port := &p.list[i]
			if !b.has(port.Name) {
				continue
			}
			port.VLAN, port.Protected, port.Multicast = place.VLAN, place.Protected, place.Multicast
			place.Flags |= port.Flags & rules.NoFlood
			if p.bonds == nil {
				p.bonds = make(map[uint32]*bonded)
			}
			p.bonds[port.ID], p.bonds[b.id] = b, b
			found = true
		}
		if found {
			places = append(places, place)
		}
	}
	return places
}

// place returns what a port is for NORMAL: itself, or the bond that it is a member of.
func (p *ports) place(port *rules.Port) *rules.Port {
	if b := p.bonds[port.ID]; b != nil {
		return p.byPlace[b.id]
	}
	return port
}

// datapathMatch returns m with in_port as a datapath port, which is what keys are cached by.
func (p *ports) datapathMatch(m *flow.Match) *flow.Match {
	if !m.Mask.Any(flow.FieldInPort) {
		return m
	}
	id := noPort
	if port := p.byNumber[uint32(m.Key.Uint(flow.FieldInPort))]; port != nil {
		id = port.ID
	}
	d := *m
	d.SetUint(flow.FieldInPort, uint64(id))
	return &d
}

// SetPorts implements rules.PortUser. What was learned on a port that is gone is forgotten.
func (t *Table) SetPorts(list []rules.Port) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.given = list
	if t.arrangePorts() {
		t.tellBonds(t.clock())
	}
}

// arrangePorts makes the ports those that the switch has, with the bonds that the user wants, and reports whether there
// are bonds. The caller holds the write lock.
func (t *Table) arrangePorts() bool {
	old := t.ports
	t.ports = newPorts(t.given, t.bonds)
	changed := false
	differs := func(was, is *rules.Port) {
		if was != nil && is != nil && samePort(was, is) {
			return
		}
		number := uint32(0)
		if was != nil {
			number = was.Number
		} else {
			number = is.Number
		}
		t.log.add(change{tag: t.portTag(number)})
		changed = true
	}
	for i := range old.list {
		differs(&old.list[i], t.ports.byNumber[old.list[i].Number])
	}
	for i := range t.ports.list {
		if is := &t.ports.list[i]; old.byNumber[is.Number] == nil {
			differs(nil, is)
		}
	}
	for id := range old.bonds {
		if was := old.byPlace[id]; was != nil {
			differs(was, t.ports.byPlace[id])
		}
	}
	for _, was := range old.places {
		if t.ports.byPlace[was.ID] == nil {
			t.flush(fdbOn(was.ID))
			t.FlushListeners(mdb.Filter{Port: was.ID, OnPort: true})
			t.waiting.Forget(was.ID)
		}
	}
	t.arrangeMirrors()
	switch {
	case changed && len(t.mirrorList) > 0:
		t.log.add(change{tag: ^uint64(0)}) // any port may be one that a mirror selects or sends to
	case changed:
		t.log.add(change{tag: t.portsTag()})
	}
	return len(t.bonds) > 0
}

// samePort reports whether nothing that verdicts depend on differs.
func samePort(a, b *rules.Port) bool {
	return a.ID == b.ID && a.Up == b.Up && a.Flags == b.Flags && a.Protected == b.Protected && a.VLAN.Equal(&b.VLAN) &&
		a.Multicast == b.Multicast && a.Tunnel == b.Tunnel
}

// PortNumber returns the OpenFlow number of a port by its name; it is the flow.PortNames of a Parser
// for this bridge.
func (t *Table) PortNumber(name string) (uint32, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i := range t.ports.list {
		if t.ports.list[i].Name == name {
			return t.ports.list[i].Number, true
		}
	}
	return 0, false
}

// PortName returns the name of a port by its OpenFlow number.
func (t *Table) PortName(number uint32) (string, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p := t.ports.byNumber[number]; p != nil {
		return p.Name, true
	}
	return "", false
}
