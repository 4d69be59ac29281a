package mdb

import "slices"

// Join notes that somebody behind a port listens to a group, at now. On a port with a router nothing is noted,
// since it gets all groups (as Open vSwitch has it). Addresses that are no group's, and reserved groups, are
// nobody's.
func (t *Table) Join(key Key, port uint32, now int64, c *Changes) {
	if !key.Addr().IsMulticast() || Reserved(key.Group) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.router(key.VLAN, port) >= 0 {
		return
	}
	g, known := t.index[key]
	if known {
		if i := t.member(g, port); i != none {
			t.members.touch(i, now)
			return
		}
	} else {
		for len(t.index) >= t.opt.Capacity {
			t.evict(c)
		}
		g = t.newGroup(key)
	}
	t.groups[g].first = t.members.add(g, port, t.groups[g].first, now)
	t.counts.Learned++
	c.Groups = append(c.Groups, key)
}

// Leave notes that nobody behind a port listens to a group any more.
func (t *Table) Leave(key Key, port uint32, c *Changes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g, ok := t.index[key]; ok {
		if i := t.member(g, port); i != none {
			t.forget(i, c)
		}
	}
}

// Query notes that a router behind a port has asked who listens, at now.
func (t *Table) Query(vlan uint16, port uint32, now int64, c *Changes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := t.router(vlan, port); i >= 0 {
		t.routers[vlan][i].used = max(t.routers[vlan][i].used, now)
		return
	}
	t.routers[vlan] = append(t.routers[vlan], router{port, now})
	c.Routers = append(c.Routers, vlan)
}

// router returns the place of a port among the routers of a VLAN, -1 if it has none.
func (t *Table) router(vlan uint16, port uint32) int {
	return slices.IndexFunc(t.routers[vlan], func(r router) bool { return r.port == port })
}

// member returns the membership of a port in group g, none if it has none.
func (t *Table) member(g int32, port uint32) int32 {
	i := t.groups[g].first
	for i != none && t.members.slab[i].port != port {
		i = t.members.slab[i].next
	}
	return i
}

// evict forgets the membership confirmed longest ago of the port that has most.
func (t *Table) evict(c *Changes) {
	t.counts.Evicted++
	t.forget(t.members.most().oldest, c)
}

// forget ends membership i, and with the last one its group.
func (t *Table) forget(i int32, c *Changes) {
	g := t.members.slab[i].group
	at := &t.groups[g].first
	for *at != i {
		at = &t.members.slab[*at].next
	}
	*at = t.members.slab[i].next
	t.members.remove(i)
	key := t.groups[g].key
	c.Groups = append(c.Groups, key)
	if t.groups[g].first == none {
		delete(t.index, key)
		t.groups[g] = group{first: t.free}
		t.free = g
	}
}

// newGroup enters a group that nobody listens to yet.
func (t *Table) newGroup(key Key) int32 {
	g := t.free
	if g != none {
		t.free = t.groups[g].first
	} else {
		g = int32(len(t.groups))
		t.groups = append(t.groups, group{})
	}
	t.groups[g] = group{key, none}
	t.index[key] = g
	return g
}
