package openflow

import (
	"errors"
	"strings"
)

// Why flows cannot be changed. Errors of Apply and of what is built on it wrap them.
var (
	ErrOverlap   = errors.New("overlap: check_overlap is set, and some packets match another flow of this priority")
	ErrTableFull = errors.New("table full: the table has as many flows as it may have, and none that can be evicted")
)

// Op is what a Change does.
type Op uint8

// Kinds of changes, with the words they have in a file of changes (ovs-ofctl(8), add-flows).
const (
	OpAdd    Op = iota // add
	OpModify           // modify, or modify_strict
	OpDelete           // delete, or delete_strict
)

// A Change is one entry of what Apply does as a whole.
type Change struct {
	Op
	// Mod says what: the flow to add, the flows to select and what to make of them, or by its Filter alone
	// the flows to delete.
	Mod
}

// String returns the change as [Parser.ParseChange] takes it.
func (c *Change) String() string {
	word := [...]string{"add", "modify", "delete"}[c.Op]
	if c.Op != OpAdd && c.Filter.Strict {
		word += "_strict"
	}
	if c.Op == OpDelete {
		return strings.TrimSuffix(word+" "+c.Filter.String(), " ")
	}
	return word + " " + c.Flow.String()
}

// A Tally is how many flows a list of changes has concerned.
type Tally struct{ Added, Modified, Deleted int }

// Total returns how many there are in all.
func (n Tally) Total() int { return n.Added + n.Modified + n.Deleted }

// Apply makes changes in their order, all or, on an error, none, in one step: no look-up sees a state
// between. A flow that takes the place of another counts as added. An error is a [*ChangeError].
func (t *Table) Apply(changes []Change) (Tally, error) {
	for i := range changes {
		if c := &changes[i]; c.Op != OpDelete {
			if err := c.Flow.valid(); err != nil {
				return Tally{}, &ChangeError{Index: i, Text: c.String(), Err: err}
			}
		}
	}
	var done Tally
	i, err := t.atomically(len(changes), func(x *tx, i int) error { return x.apply(&changes[i], &done) })
	if err != nil {
		return Tally{}, &ChangeError{Index: i, Text: changes[i].String(), Err: err}
	}
	return done, nil
}

// atomically makes n changes, all or, on an error, none. It returns the error, and of which change it is.
func (t *Table) atomically(n int, change func(x *tx, i int) error) (int, error) {
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	x := tx{t: t, now: now, steps: make([]step, 0, n)}
	for i := range n {
		if err := change(&x, i); err != nil {
			x.undo()
			return i, err
		}
	}
	x.done()
	return 0, nil
}

// apply makes one change and counts the flows it concerns.
func (x *tx) apply(c *Change, done *Tally) error {
	switch c.Op {
	case OpAdd:
		done.Added++
		return x.add(&c.Flow)
	case OpDelete:
		list := x.t.selected(&c.Filter)
		for _, r := range list {
			x.remove(r, RemovedByDelete)
		}
		done.Deleted += len(list)
		return nil
	}
	if err := c.Flow.CheckOptions(x.t.TunnelOptions()); err != nil {
		return err
	}
	if err := checkGroups(c.Flow.Actions, x.t.groups); err != nil {
		return err
	}
	if err := x.t.checkMeters(c.Flow.Actions); err != nil {
		return err
	}
	list := x.t.selected(&c.Filter)
	for _, r := range list {
		if err := (&Flow{Table: r.Table, Actions: c.Flow.Actions}).valid(); err != nil {
			return err
		}
		x.modify(r, &c.Mod)
	}
	done.Modified += len(list)
	if len(list) == 0 && c.Filter.CookieMask == 0 {
		done.Added++
		return x.add(&c.Flow)
	}
	return nil
}

// AddFlows adds flows, all or, on an error, none. A flow with the match and priority of one that is
// there replaces it, and counts from zero (as in OpenFlow 1.0 and 1.1; from 1.2 on that takes
// reset_counts).
func (t *Table) AddFlows(flows []Flow) error {
	for i := range flows {
		if err := flows[i].valid(); err != nil {
			return &ChangeError{Index: i, Text: "add " + flows[i].String(), Err: err}
		}
	}
	i, err := t.atomically(len(flows), func(x *tx, i int) error { return x.add(&flows[i]) })
	if err != nil {
		return &ChangeError{Index: i, Text: "add " + flows[i].String(), Err: err}
	}
	return nil
}

// ModFlows changes the actions of the flows that m selects and returns how many. Where it selects none,
// and by more than a cookie, the flow is added (ovs-ofctl(8), mod-flows), and counts as well.
func (t *Table) ModFlows(m Mod) (int, error) {
	done, err := t.Apply([]Change{{OpModify, m}})
	return done.Total(), err
}

// DeleteFlows removes the flows that x selects and returns how many.
func (t *Table) DeleteFlows(x Filter) int {
	done, _ := t.Apply([]Change{{OpDelete, Mod{Filter: x}}}) // to delete is always possible
	return done.Deleted
}
