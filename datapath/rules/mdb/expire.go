package mdb

import "slices"

// Expire forgets what no report and no query has confirmed in time. It looks at those memberships only, and at
// one more per port.
func (t *Table) Expire(now int64, c *Changes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := now - int64(t.opt.Ageing)
	for p := range t.members.ports {
		l := &t.members.ports[p]
		for l.count > 0 && t.members.slab[l.oldest].used <= limit {
			t.counts.Expired++
			t.forget(l.oldest, c)
		}
	}
	t.forgetRouters(c, func(_ uint16, r router) bool { return r.used <= now-int64(RouterAgeing) })
}

// A Filter selects what to flush. The zero value selects all.
type Filter struct {
	Port   uint32
	OnPort bool // only what Port said
	VLAN   uint16
	InVLAN bool // only what was said in VLAN
}

func (f *Filter) selects(vlan uint16, port uint32) bool {
	return (!f.OnPort || f.Port == port) && (!f.InVLAN || f.VLAN == vlan)
}

// Flush forgets what f selects and returns how many memberships and routers that were.
func (t *Table) Flush(f Filter, c *Changes) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for g := range t.groups {
		key := t.groups[g].key
		if in, used := t.index[key]; !used || int(in) != g {
			continue
		}
		for i := t.groups[g].first; i != none; {
			next := t.members.slab[i].next
			if f.selects(key.VLAN, t.members.slab[i].port) {
				t.forget(i, c)
				n++
			}
			i = next
		}
	}
	return n + t.forgetRouters(c, func(vlan uint16, r router) bool { return f.selects(vlan, r.port) })
}

// forgetRouters forgets those that go says and returns how many.
func (t *Table) forgetRouters(c *Changes, goes func(vlan uint16, r router) bool) int {
	n := 0
	for vlan, list := range t.routers {
		rest := slices.DeleteFunc(list, func(r router) bool { return goes(vlan, r) })
		if len(rest) == len(list) {
			continue
		}
		n += len(list) - len(rest)
		c.Routers = append(c.Routers, vlan)
		if t.routers[vlan] = rest; len(rest) == 0 {
			delete(t.routers, vlan)
		}
	}
	return n
}
