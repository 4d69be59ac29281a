package mdb

import (
	"cmp"
	"slices"
	"time"
)

// An Entry is one port of a group, or one with a router, for people to read.
type Entry struct {
	Key    Key // of a router, the VLAN alone
	Router bool
	Port   uint32
	Age    time.Duration // since the last report or query
}

// Entries returns what the table holds at now: groups by VLAN, address and port, then routers by VLAN and port.
func (t *Table) Entries(now int64) []Entry {
	t.mu.Lock()
	age := func(used int64) time.Duration { return time.Duration(max(0, now-used)) }
	var list []Entry
	for key, g := range t.index {
		for i := t.groups[g].first; i != none; i = t.members.slab[i].next {
			m := &t.members.slab[i]
			list = append(list, Entry{Key: key, Port: m.port, Age: age(m.used)})
		}
	}
	for vlan, routers := range t.routers {
		for _, r := range routers {
			list = append(list, Entry{Key: Key{VLAN: vlan}, Router: true, Port: r.port, Age: age(r.used)})
		}
	}
	t.mu.Unlock()
	slices.SortFunc(list, func(a, b Entry) int {
		if a.Router != b.Router {
			return map[bool]int{false: -1, true: 1}[a.Router]
		}
		return cmp.Or(cmp.Compare(a.Key.VLAN, b.Key.VLAN), a.Key.Addr().Compare(b.Key.Addr()), cmp.Compare(a.Port, b.Port))
	})
	return list
}
