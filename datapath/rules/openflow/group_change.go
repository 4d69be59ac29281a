package openflow

import (
	"fmt"
	"maps"
	"slices"
)

// maxPlaces is how many buckets a group may have had before its counters start anew.
const maxPlaces = everyBucket

// A groupChange is a change of groups under construction. The table has its groups meanwhile, so that flows of the
// same change can name them.
type groupChange struct {
	tx      tx // flows that go with groups
	groups  map[uint32]*group
	changed []uint32
}

// changeGroups makes the changes that f does, all or, on an error, none.
func (t *Table) changeGroups(f func(*groupChange) error) error {
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.groups
	c := groupChange{tx: tx{t: t, now: now}, groups: maps.Clone(before)}
	t.groups = c.groups
	err := f(&c)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		c.tx.undo()
		t.groups = before
		return err
	}
	c.tx.done()
	for _, id := range c.changed {
		t.log.add(change{tag: t.groupTag(id), edits: true})
	}
	t.newEdition()
	return nil
}

// add adds a group.
func (c *groupChange) add(g *Group) error {
	if c.groups[g.ID] != nil {
		return fmt.Errorf("group %d: %w", g.ID, ErrGroupExists)
	}
	return c.put(g, c.tx.now)
}

// modify replaces a group, or adds it if it may.
func (c *groupChange) modify(g *Group, create bool) error {
	if c.groups[g.ID] == nil && !create {
		return errNoGroup(g.ID)
	}
	return c.replace(g)
}

// insert adds buckets to a group.
func (c *groupChange) insert(m *GroupMod) error {
	return c.rebucket(m, func(old *group) ([]Bucket, error) {
		at, err := old.insertAt(m.Place)
		return slices.Insert(slices.Clone(old.Buckets), at, m.Buckets...), err
	})
}

// remove removes buckets from a group.
func (c *groupChange) remove(m *GroupMod) error {
	return c.rebucket(m, func(old *group) ([]Bucket, error) {
		from, to, err := old.span(m.Place)
		return slices.Delete(slices.Clone(old.Buckets), from, to), err
	})
}

// rebucket gives a group the buckets that f returns.
func (c *groupChange) rebucket(m *GroupMod, f func(*group) ([]Bucket, error)) error {
	old := c.groups[m.ID]
	if old == nil {
		return errNoGroup(m.ID)
	}
	buckets, err := f(old)
	if err != nil {
		return err
	}
	return c.rebuild(old, buckets)
}

// check refuses groups that lead nowhere, or to themselves.
func (c *groupChange) check() error {
	var list []Group
	for _, id := range c.changed {
		if g := c.groups[id]; g != nil {
			list = append(list, g.Group)
		}
	}
	if err := checkBuckets(c.groups, list); err != nil {
		return err
	}
	return checkLoops(c.groups, c.changed)
}

// checkBuckets says which bucket of a list of groups names one that is not among groups.
func checkBuckets(groups map[uint32]*group, list []Group) error {
	for i := range list {
		for j := range list[i].Buckets {
			if err := checkGroups(list[i].Buckets[j].Actions, groups); err != nil {
				return fmt.Errorf("group %d: %w", list[i].ID, err)
			}
		}
	}
	return nil
}

// drop removes a group and the flows that name it, and returns how many.
func (c *groupChange) drop(id uint32) (flows int) {
	delete(c.groups, id)
	c.changed = append(c.changed, id)
	list := c.tx.t.selected(&Filter{Table: NoTable, OutGroup: id, HasOutGroup: true})
	for _, r := range list {
		c.tx.remove(r, RemovedByGroup)
	}
	return len(list)
}

// replace makes g the group of its number, as old as the one there was.
func (c *groupChange) replace(g *Group) error {
	added := c.tx.now
	if old := c.groups[g.ID]; old != nil {
		added = old.added
	}
	return c.put(g, added)
}

// put makes g the group of its number.
func (c *groupChange) put(g *Group, added int64) error {
	n := &group{Group: *g, added: added, stats: &groupStats{traffic: new(traffic)}, gen: c.tx.t.nextGen()}
	n.Buckets = slices.Clone(g.Buckets)
	for range n.Buckets {
		n.places = append(n.places, n.stats.newBucket())
	}
	return c.set(n)
}

// rebuild gives a group other buckets. Those it has already keep what they have counted.
func (c *groupChange) rebuild(old *group, buckets []Bucket) error {
	if len(old.stats.buckets)+len(buckets) > maxPlaces {
		g := old.Group
		g.Buckets = buckets
		return c.put(&g, old.added)
	}
	n := &group{Group: old.Group, added: old.added, stats: old.stats.clone(), gen: old.gen}
	n.Buckets = buckets
	for i := range buckets {
		n.places = append(n.places, old.placeOf(buckets[i].ID, n.stats))
	}
	return c.set(n)
}

// placeOf returns where in s the bucket of an id counts, a new place if the group has none of that id.
func (g *group) placeOf(id uint32, s *groupStats) uint16 {
	for i := range g.Buckets {
		if g.Buckets[i].ID == id {
			return g.places[i]
		}
	}
	return s.newBucket()
}

// set makes n the group of its number, if it can be one.
func (c *groupChange) set(n *group) error {
	err := number(n.Buckets)
	if err == nil {
		err = n.valid()
	}
	if err != nil {
		return fmt.Errorf("group %d: %w", n.ID, err)
	}
	for i := range n.Buckets {
		n.run = append(n.run, ordered(n.Buckets[i].Actions))
	}
	if n.Type == GroupSelect {
		n.spread = newSpread(n.Buckets)
	}
	c.groups[n.ID] = n
	c.changed = append(c.changed, n.ID)
	return nil
}

// checkLoops says which of some groups leads to itself: there would be no end to it.
func checkLoops(groups map[uint32]*group, ids []uint32) error {
	for _, id := range ids {
		seen := make(map[uint32]bool)
		var visit func(at uint32) bool
		visit = func(at uint32) bool {
			if seen[at] || groups[at] == nil {
				return false
			}
			seen[at] = true
			return slices.ContainsFunc(groups[at].Buckets, func(k Bucket) bool {
				if k.WatchGroup == id {
					return true
				}
				return contains(k.Actions, func(a Action) bool {
					g, ok := a.(*GroupAction)
					return ok && (g.ID == id || visit(g.ID))
				}) || k.WatchGroup != NoGroup && visit(k.WatchGroup)
			})
		}
		if visit(id) {
			return fmt.Errorf("group %d: want groups that do not lead to themselves", id)
		}
	}
	return nil
}
