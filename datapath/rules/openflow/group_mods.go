package openflow

import (
	"errors"
	"fmt"
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
			if err := c.add(&list[i]); err != nil {
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
			if err := c.modify(&list[i], create); err != nil {
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
	return t.changeBuckets(list, (*groupChange).insert)
}

// RemoveBuckets removes from each group the buckets that m.Place names, all or, on an error, none.
func (t *Table) RemoveBuckets(list []GroupMod) error {
	return t.changeBuckets(list, (*groupChange).remove)
}

func (t *Table) changeBuckets(list []GroupMod, f func(*groupChange, *GroupMod) error) error {
	return t.changeGroups(func(c *groupChange) error {
		for i := range list {
			if err := f(c, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
