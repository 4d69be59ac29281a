package openflow

import "fmt"

// A GroupOp is what a GroupStep does.
type GroupOp uint8

// Kinds of group steps, with the words they have in a bundle file (ovs-ofctl(8), "Bundle commands").
const (
	GroupAdd           GroupOp = iota // add
	GroupModify                       // modify
	GroupAddOrModify                  // add_or_mod
	GroupDelete                       // delete; with NoGroup: all
	GroupInsertBuckets                // insert_bucket
	GroupRemoveBuckets                // remove_bucket
)

// A GroupStep is a change of one group, or of all.
type GroupStep struct {
	Op  GroupOp
	Mod GroupMod
}

// A Modification is one entry of a transaction: a change of flows or, if Group is not nil, of groups.
type Modification struct {
	Flow  Change
	Group *GroupStep
}

// A Sum is what a transaction has done.
type Sum struct {
	Tally      // of flows; those that went with a deleted group are not in it
	Groups int // changed, added or deleted
}

// Transact makes changes of flows and groups in their order, all or, on an error, none, in one step: no look-up
// sees a state between. A flow may name groups that an earlier entry adds. An error is a [*ChangeError]; one that
// only all of them together make, such as groups that lead to themselves, is not.
func (t *Table) Transact(list []Modification) (Sum, error) {
	for i := range list {
		if m := &list[i]; m.Group == nil && m.Flow.Op != OpDelete {
			if err := m.Flow.Flow.valid(); err != nil {
				return Sum{}, m.failed(i, err)
			}
		}
	}
	var done Sum
	err := t.changeGroups(func(c *groupChange) error {
		for i := range list {
			if err := c.modification(&list[i], &done); err != nil {
				return list[i].failed(i, err)
			}
		}
		return nil
	})
	if err != nil {
		return Sum{}, err
	}
	return done, nil
}

func (m *Modification) failed(i int, err error) error {
	return &ChangeError{Index: i, Text: m.String(), Err: err}
}

// modification makes one change.
func (c *groupChange) modification(m *Modification, done *Sum) error {
	if m.Group == nil {
		return c.tx.apply(&m.Flow, &done.Tally)
	}
	g := m.Group
	done.Groups++
	switch g.Op {
	case GroupAdd:
		return c.add(&g.Mod.Group)
	case GroupModify, GroupAddOrModify:
		return c.modify(&g.Mod.Group, g.Op == GroupAddOrModify)
	case GroupInsertBuckets:
		return c.insert(&g.Mod)
	case GroupRemoveBuckets:
		return c.remove(&g.Mod)
	case GroupDelete:
		if g.Mod.ID == NoGroup {
			done.Groups += len(c.groups) - 1
			for id := range c.groups {
				c.drop(id)
			}
			return nil
		}
		if c.groups[g.Mod.ID] == nil {
			return errNoGroup(g.Mod.ID)
		}
		c.drop(g.Mod.ID)
		return nil
	}
	return fmt.Errorf("want a change of groups, found operation %d", g.Op)
}

// String returns what the change is about: a flow as [Parser.ParseModification] takes it, a group by its number.
func (m *Modification) String() string {
	if m.Group == nil {
		return "flow " + m.Flow.String()
	}
	text := "group " + groupWords[m.Group.Op]
	if m.Group.Mod.ID == NoGroup {
		return text
	}
	return fmt.Sprintf("%s group_id=%d", text, m.Group.Mod.ID)
}
