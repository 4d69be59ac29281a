package openflow

import (
	"fmt"

	"github.com/culvertdev/culvert/datapath/rules/openflow/classifier"
)

// A tx is a change of rules under way: some steps that are taken back if a later one cannot be done.
// Look-ups wait meanwhile, so that none sees a part of it. What others hear of a change, the log that
// cached flows are checked by and the events, they hear when it is done.
//
// Its user holds the table's write lock from before the first step until done or undo.
type tx struct {
	t     *Table
	now   int64
	steps []step
	aside bool // it makes no edition: not the user wants it, but time or a packet
}

// A step is one rule added, modified or removed.
type step struct {
	kind   EventKind
	reason Removal
	rule   *rule
	before *ruleState // FlowModified
}

// A ruleState is what a modification changes.
type ruleState struct {
	actions        []Action
	cookie         uint64
	modified       int64
	packets, bytes uint64
	reset          bool // packets and bytes were set to zero
}

// add puts f in its table, in the place of a rule with its match and priority if there is one.
func (x *tx) add(f *Flow) error {
	t := x.t
	if err := f.CheckOptions(t.TunnelOptions()); err != nil {
		return err
	}
	if err := checkGroups(f.Actions, t.groups); err != nil {
		return err
	}
	if err := t.checkMeters(f.Actions); err != nil {
		return err
	}
	c := t.tables[f.Table]
	if c == nil {
		c = classifier.New[*rule](t.salt)
		t.tables[f.Table] = c
	}
	if old := c.Find(&f.Match, f.Priority); old != nil {
		x.remove(old.Value, RemovedByDelete)
	} else {
		if f.Flags&CheckOverlap != 0 && c.Overlaps(&f.Match, f.Priority) {
			return ErrOverlap
		}
		if err := x.makeRoom(f.Table); err != nil {
			return err
		}
	}
	r := &rule{Flow: *f, added: x.now}
	r.used.Store(x.now)
	r.modified.Store(x.now)
	r.options = t.TunnelOptions()
	r.in = &classifier.Rule[*rule]{Match: &r.Match, Priority: f.Priority, Value: r, Conjunctions: conjunctions(f.Actions)}
	t.take(r)
	t.link(r)
	x.steps = append(x.steps, step{kind: FlowAdded, rule: r})
	return nil
}

// remove takes a rule out. Its slot stays taken until the change is done.
func (x *tx) remove(r *rule, why Removal) {
	x.t.unlink(r)
	x.steps = append(x.steps, step{kind: FlowDeleted, reason: why, rule: r})
}

// modify gives a rule other actions, and another cookie if m says so. What it counted stays unless
// reset_counts says otherwise; timeouts, flags and importance stay as well (ovs-ofctl(8), mod-flows).
func (x *tx) modify(r *rule, m *Mod) {
	before := &ruleState{actions: r.Actions, cookie: r.Cookie, modified: r.modified.Load()}
	x.t.setActions(r, m.Flow.Actions)
	r.modified.Store(x.now)
	if m.SetCookie {
		x.t.setCookie(r, m.Flow.Cookie)
	}
	if m.Flow.Flags&ResetCounts != 0 {
		before.reset, before.packets, before.bytes = true, r.packets.Swap(0), r.bytes.Swap(0)
	}
	x.steps = append(x.steps, step{kind: FlowModified, rule: r, before: before})
}

// undo takes all steps back, the last one first.
func (x *tx) undo() {
	for i := len(x.steps) - 1; i >= 0; i-- {
		s := &x.steps[i]
		switch r := s.rule; s.kind {
		case FlowAdded:
			x.t.unlink(r)
			x.t.release(r)
		case FlowDeleted:
			x.t.link(r)
		case FlowModified:
			x.t.setActions(r, s.before.actions)
			x.t.setCookie(r, s.before.cookie)
			r.modified.Store(s.before.modified)
			if s.before.reset {
				r.packets.Add(s.before.packets)
				r.bytes.Add(s.before.bytes)
			}
		}
	}
	x.t.orphans = nil
}

// done makes the change known, with what it entails.
func (x *tx) done() {
	t := x.t
	x.removeOrphans()
	for i := range x.steps {
		s := &x.steps[i]
		r := s.rule
		t.ruleChanged(r, !x.aside)
		if len(t.subscribers) > 0 {
			e := r.event(s.kind, s.reason, x.now)
			e.before = s.before
			t.tell(e)
		}
		if s.kind == FlowDeleted {
			t.bury(r, s.reason, x.now)
		}
	}
	if len(x.steps) > 0 && !x.aside {
		t.newEdition()
	}
}

// event returns an event of the rule as it is now.
func (r *rule) event(kind EventKind, why Removal, now int64) Event {
	f := r.Flow
	return Event{
		Kind: kind, Reason: why, Flow: &f,
		Packets: r.packets.Load(), Bytes: r.bytes.Load(), Duration: since(r.added, now),
	}
}

// link puts a rule where look-ups, timeouts and evictions find it.
func (t *Table) link(r *rule) {
	t.tables[r.Table].Insert(r.in)
	r.gone = false
	t.countLearned(r, 1)
	t.teach(r.Actions)
	if r.timed() {
		t.deadlines.push(r, r.deadline())
		t.limits.enter(r)
	}
}

// unlink is the reverse of link.
func (t *Table) unlink(r *rule) {
	t.tables[r.Table].Remove(r.in)
	r.gone = true
	t.unteach(r.Actions)
	t.countLearned(r, -1)
	if r.timed() {
		t.deadlines.remove(r)
		t.limits.leave(r)
	}
}

// A ChangeError says which of several changes could not be made, and why. None was.
type ChangeError struct {
	Index int    // from 0
	Text  string // the change, as ovs-ofctl writes it in a file of flows
	Err   error
}

func (e *ChangeError) Error() string {
	return fmt.Sprintf("change %d, %s: %v", e.Index+1, e.Text, e.Err)
}
func (e *ChangeError) Unwrap() error { return e.Err }
