package gateway

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/encap/wire"
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
	all := t.neighbours.List(t.clock())
	list := make([]NeighbourStatus, 0, len(all))
	for _, n := range all {
		if int(n.Link) >= len(t.state.segments) {
			continue
		}
		one := NeighbourStatus{Interface: t.state.segments[n.Link].Name, Address: n.Addr, MAC: n.MAC, State: n.State.String()}
		if n.State == neighbour.Answered {
			one.Age = n.Age
		}
		list = append(list, one)
	}
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

// Has reports whether a port is in an interface's segment.
func (t *Table) Has(iface, port string) bool {
	c := t.Config()
	i := slices.IndexFunc(c.Interfaces, func(f Interface) bool { return f.Name == iface })
	return i >= 0 && slices.ContainsFunc(c.Interfaces[i].Members, func(m Member) bool { return m.Port == port })
}

// An Address is an Ethernet address that the gateway knows in one of its segments.
type Address struct {
	Interface string
	VLAN      uint16 // of the tag that packets from there have; 0: none
	fdb.Entry        // its key has the interface's index for a VLAN
}

// Addresses returns the Ethernet addresses that segments have learned. Their ports are datapath ports.
func (t *Table) Addresses() []Address {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var list []Address
	for _, e := range t.stations.Entries(t.clock()) {
		if i := int(e.Key.VLAN()); i < len(t.state.segments) {
			if m := t.state.segments[i].memberOn(e.Port); m != nil {
				list = append(list, Address{t.state.segments[i].Name, m.vlan, e})
			}
		}
	}
	return list
}

// FlushAddresses makes the segments forget what they have learned, as far as f selects it, and returns how many
// addresses that were. A VLAN selects those whose port is in the segment with that tag.
func (t *Table) FlushAddresses(f fdb.Filter) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !f.InVLAN {
		return t.flush(f)
	}
	n := 0
	for i := range t.state.segments {
		for _, m := range t.state.segments[i].members {
			if m.vlan == f.VLAN && (!f.OnPort || f.Port == m.port.ID) {
				n += t.flush(fdb.Filter{Port: m.port.ID, OnPort: true, VLAN: uint16(i), InVLAN: true})
			}
		}
	}
	return n
}

func (t *Table) flush(f fdb.Filter) int {
	changed := t.stations.Flush(f, t.clock(), nil)
	t.forgotten(changed)
	return len(changed)
}

// String returns the rule in words: "deny tcp from 10.0.1.0/24 to any ports 80-90".
func (r Rule) String() string {
	b := []byte("deny")
	if r.Permit {
		b = []byte("permit")
	}
	switch name, named := protocolNames[r.Protocol.Number]; {
	case r.Protocol.Given && named:
		b = append(append(b, ' '), name...)
	case r.Protocol.Given:
		b = fmt.Appendf(b, " protocol %d", r.Protocol.Number)
	}
	if r.Interface != "" {
		b = fmt.Appendf(b, " on %s", r.Interface)
	}
	b = appendEnd(b, "from", r.From, r.FromPorts)
	return string(appendEnd(b, "to", r.To, r.ToPorts))
}

var protocolNames = map[uint8]string{
	wire.ProtoICMP: "icmp", wire.ProtoTCP: "tcp", wire.ProtoUDP: "udp", wire.ProtoICMPv6: "icmp6", wire.ProtoSCTP: "sctp",
}

func appendEnd(b []byte, word string, p netip.Prefix, ports Ports) []byte {
	if p.IsValid() {
		b = fmt.Appendf(b, " %s %v", word, p)
	} else {
		b = fmt.Appendf(b, " %s any", word)
	}
	switch {
	case ports.any():
	case ports.First == ports.Last:
		b = fmt.Appendf(b, " port %d", ports.First)
	default:
		b = fmt.Appendf(b, " ports %d-%d", ports.First, ports.Last)
	}
	return b
}
