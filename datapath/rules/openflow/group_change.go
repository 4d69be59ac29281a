package openflow

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Why groups cannot be changed.
var (
	ErrGroupExists = errors.New("want a number that is free, found a group of that number")
	ErrNoGroup     = errors.New("want a group that is there, found none")
)

// AddGroups adds groups, all or, on an error, none. A number that is taken is ErrGroupExists.
func (t *Table) AddGroups(list []Group) error {
	return t.changeGroups(func(c *groupChange) error {
		for i := range list {
			if c.groups[list[i].ID] != nil {
				return fmt.Errorf("group %d: %w", list[i].ID, ErrGroupExists)
			}
			if err := c.put(&list[i], c.tx.now); err != nil {
				return err
			}
		}
		return nil
	})
}

// ModGroups replaces groups, all or, on an error, none; their counters start anew, as in OVS. create makes
// those that are not there; without it they are ErrNoGroup.
func (t *Table) ModGroups(list []Group, create bool) error {
	return t.changeGroups(func(c *groupChange) error {
		for i := range list {
			if c.groups[list[i].ID] == nil && !create {
				return errNoGroup(list[i].ID)
			}
			if err := c.replace(&list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// SetGroups makes groups of these numbers what list says. Those that are so already stay as they are with
// their counters, as do groups of other numbers: see KeepGroups.
func (t *Table) SetGroups(list []Group) error {
	return t.changeGroups(func(c *groupChange) error {
		for i := range list {
			g := list[i]
			g.Buckets = slices.Clone(g.Buckets)
			if err := number(g.Buckets); err != nil {
				return fmt.Errorf("group %d: %w", g.ID, err)
			}
			if old := c.groups[g.ID]; old != nil && old.String() == g.String() {
				continue
			}
			if err := c.replace(&g); err != nil {
				return err
			}
		}
		return nil
	})
}

// KeepGroups removes all groups but those in list, and the flows that name them.
func (t *Table) KeepGroups(list []Group) error {
	return t.changeGroups(func(c *groupChange) error {
		keep := make(map[uint32]bool, len(list))
		for i := range list {
			keep[list[i].ID] = true
		}
		for id := range c.groups {
			if !keep[id] {
				c.drop(id)
			}
		}
		return nil
	})
}

// CheckGroups says why groups cannot be in a table together, nil if they can.
func CheckGroups(list []Group) error {
	t, err := New(Options{})
	if err != nil {
		return err
	}
	return t.AddGroups(list)
}

// MissingGroup returns a function that says which group a flow names that list has not, nil if it names none.
func MissingGroup(list []Group) func(*Flow) error {
	groups := make(map[uint32]*group, len(list))
	for i := range list {
		groups[list[i].ID] = new(group)
	}
	return func(f *Flow) error { return checkGroups(f.Actions, groups) }
}

// DeleteGroup removes groups and the flows that name them (OpenFlow 1.5.1, section 6.4.4), all or, on an
// error, none, and returns how many flows. Groups that lead to them stay and lead nowhere.
func (t *Table) DeleteGroup(ids ...uint32) (flows int, err error) {
	err = t.changeGroups(func(c *groupChange) error {
		for _, id := range ids {
			if c.groups[id] == nil {
				return errNoGroup(id)
			}
			flows += c.drop(id)
		}
		return nil
	})
	return flows, err
}

// DeleteGroups removes all groups and the flows that name one, and returns how many of each.
func (t *Table) DeleteGroups() (groups, flows int) {
	_ = t.changeGroups(func(c *groupChange) error { // which refuses nothing
		for id := range c.groups {
			groups, flows = groups+1, flows+c.drop(id)
		}
		return nil
	})
	return groups, flows
}

// InsertBuckets adds the buckets of each m to its group, all or, on an error, none. Buckets that were there
// keep their counters.
func (t *Table) InsertBuckets(list []GroupMod) error {
	return t.changeBuckets(list, func(old *group, m *GroupMod) ([]Bucket, error) {
		at, err := old.insertAt(m.Place)
		return slices.Insert(slices.Clone(old.Buckets), at, m.Buckets...), err
	})
}

// RemoveBuckets removes from each group the buckets that m.Place names, all or, on an error, none.
func (t *Table) RemoveBuckets(list []GroupMod) error {
	return t.changeBuckets(list, func(old *group, m *GroupMod) ([]Bucket, error) {
		from, to, err := old.span(m.Place)
		return slices.Delete(slices.Clone(old.Buckets), from, to), err
	})
}

// changeBuckets gives groups the buckets that f returns.
func (t *Table) changeBuckets(list []GroupMod, f func(*group, *GroupMod) ([]Bucket, error)) error {
	return t.changeGroups(func(c *groupChange) error {
		for i := range list {
			old := c.groups[list[i].ID]
			if old == nil {
				return errNoGroup(list[i].ID)
			}
			buckets, err := f(old, &list[i])
			if err != nil {
				return err
			}
			if err := c.rebuild(old, buckets); err != nil {
				return err
			}
		}
		return nil
	})
}

// insertAt returns where buckets go.
func (g *Group) insertAt(p BucketPlace) (int, error) {
	switch p.Kind {
	case BucketFirst:
		return 0, nil
	case BucketNone, BucketLast:
		return len(g.Buckets), nil
	case BucketAll:
		return 0, errors.New("command_bucket_id: want first, last or the id of a bucket, found all")
	}
	_, to, err := g.span(p)
	return to, err
}

// span returns the first bucket at a place and the one behind its last.
func (g *Group) span(p BucketPlace) (from, to int, err error) {
	n := len(g.Buckets)
	switch p.Kind {
	case BucketFirst:
		return 0, min(1, n), nil
	case BucketLast:
		return max(0, n-1), n, nil
	case BucketAll:
		return 0, n, nil
	case BucketOne:
		for i := range g.Buckets {
			if g.Buckets[i].ID == p.ID {
				return i, i + 1, nil
			}
		}
		return 0, 0, fmt.Errorf("group %d has no bucket %d", g.ID, p.ID)
	}
	return 0, 0, errors.New("command_bucket_id: want first, last, all or the id of a bucket, found none")
}

// maxPlaces is how many buckets a group may have had before its counters start anew.
const maxPlaces = everyBucket

// A groupChange is a change of groups under construction.
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
	c := groupChange{tx: tx{t: t, now: now}, groups: maps.Clone(t.groups)}
	err := f(&c)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		c.tx.undo()
		return err
	}
	c.tx.done()
	t.groups = c.groups
	for _, id := range c.changed {
		t.log.add(change{tag: t.groupTag(id)})
	}
	return nil
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
