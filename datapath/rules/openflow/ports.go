package openflow

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/mdb"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// noPort is a datapath port that does not exist.
const noPort = ^uint32(0)

// ports are the ports of the bridge, which do not change: another set is another value.
type ports struct {
	list     []rules.Port // by OpenFlow number
	byID     map[uint32]*rules.Port
	byNumber map[uint32]*rules.Port
	vlans    map[uint32]portVLANs // by ID
	// IDs of those that get all multicast packets, and all reports of who listens to them.
	mcastFlood, mcastReports []uint32
}

func newPorts(list []rules.Port) *ports {
	p := &ports{
		list: list, byID: make(map[uint32]*rules.Port), byNumber: make(map[uint32]*rules.Port),
		vlans: make(map[uint32]portVLANs),
	}
	for i := range list {
		port := &list[i]
		p.byID[port.ID], p.byNumber[port.Number] = port, port
		p.vlans[port.ID] = newPortVLANs(&port.VLAN)
		if port.Multicast.Flood {
			p.mcastFlood = append(p.mcastFlood, port.ID)
		}
		if port.Multicast.FloodReports {
			p.mcastReports = append(p.mcastReports, port.ID)
		}
	}
	return p
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
	old := t.ports
	t.ports = newPorts(list)
	changed := false
	for i := range old.list {
		was := &old.list[i]
		if is := t.ports.byNumber[was.Number]; is == nil || !samePort(was, is) {
			t.log.add(change{tag: t.portTag(was.Number)})
			changed = true
		}
		if t.ports.byID[was.ID] == nil {
			t.flush(fdbOn(was.ID))
			t.FlushListeners(mdb.Filter{Port: was.ID, OnPort: true})
		}
	}
	for i := range list {
		if old.byNumber[list[i].Number] == nil {
			t.log.add(change{tag: t.portTag(list[i].Number)})
			changed = true
		}
	}
	t.arrangeMirrors()
	switch {
	case changed && len(t.mirrorList) > 0:
		t.log.add(change{tag: ^uint64(0)}) // any port may be one that a mirror selects or sends to
	case changed:
		t.log.add(change{tag: t.portsTag()})
	}
}

// samePort reports whether nothing that verdicts depend on differs.
func samePort(a, b *rules.Port) bool {
	return a.ID == b.ID && a.Up == b.Up && a.Flags == b.Flags && a.Protected == b.Protected && a.VLAN.Equal(&b.VLAN) &&
		a.Multicast == b.Multicast
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
