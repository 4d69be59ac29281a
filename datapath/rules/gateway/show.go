package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/culvertdev/culvert/datapath/rules/fdb"
)

// RuleStats is a rule of the ACL and what it has decided.
type RuleStats struct {
	Rule
	Packets, Bytes uint64
}

// Rules returns the rules of the ACL with their counts.
func (t *Table) Rules() []RuleStats {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := make([]RuleStats, 0, len(t.counts))
	for i, r := range t.state.config.ACL {
		list = append(list, RuleStats{r, t.counts[i].packets.Load(), t.counts[i].bytes.Load()})
	}
	return list
}

// A NeighbourStatus is what is known of a neighbour.
type NeighbourStatus struct {
	Interface string
	Address   netip.Addr
	MAC       [6]byte
	State     string        // asked, failed, answered, static
	Age       time.Duration // since it last answered; of an answered one
}

// Neighbours returns the hosts that the gateway knows or asks for, by interface and address.
func (t *Table) Neighbours() []NeighbourStatus {
	t.mu.RLock()
	defer t.mu.RUnlock()
	now := t.clock()
	n := t.neighbours
	n.mu.Lock()
	list := make([]NeighbourStatus, 0, len(n.byHost))
	for h, e := range n.byHost {
		if int(h.seg) >= len(t.state.segments) {
			continue
		}
		one := NeighbourStatus{Interface: t.state.segments[h.seg].Name, Address: h.addr, MAC: e.mac,
			State: [...]string{unknown: "unknown", asked: "asked", failed: "failed", answered: "answered", fixed: "static"}[e.state]}
		if e.state == answered {
			one.Age = time.Duration(max(0, now-e.confirmed))
		}
		list = append(list, one)
	}
	n.mu.Unlock()
	slices.SortFunc(list, func(a, b NeighbourStatus) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	})
	return list
}

// Config returns what the gateway does. It is not to be changed.
func (t *Table) Config() Config {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.state.config
}

// An Address is an Ethernet address that the gateway knows in one of its segments.
type Address struct {
	Interface string
	fdb.Entry // the VLAN in its key is none
}

// Addresses returns the Ethernet addresses that segments have learned. Their ports are datapath ports.
func (t *Table) Addresses() []Address {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var list []Address
	for _, e := range t.stations.Entries(t.clock()) {
		if i := int(e.Key.VLAN()); i < len(t.state.segments) {
			list = append(list, Address{t.state.segments[i].Name, e})
		}
	}
	return list
}

// FlushAddresses makes the segments forget what they have learned, on one port if onPort is set, and returns
// how many addresses that were.
func (t *Table) FlushAddresses(port uint32, onPort bool) int {
	changed := t.stations.Flush(fdb.Filter{Port: port, OnPort: onPort}, t.clock(), nil)
	t.forgotten(changed)
	return len(changed)
}
