package openflow

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/rules/openflow/classifier"
)

// A rule is a flow in a table. Everything but counters and times changes under the table's write lock only.
type rule struct {
	Flow
	in    *classifier.Rule[*rule]
	slot  uint32 // place in Table.slots
	gen   uint32 // of the slot
	added int64  // ns
	place [schedules]int
	gone  bool // it is in no table, and may yet be credited

	packets, bytes atomic.Uint64
	used           atomic.Int64 // ns: last packet, or when it was added
	modified       atomic.Int64 // ns: hard_timeout counts from here
}

// credit adds traffic to the rule.
func (r *rule) credit(packets, bytes uint64, used int64) {
	r.packets.Add(packets)
	r.bytes.Add(bytes)
	later(&r.used, used)
}

// A slot names a rule in trails, which outlive rules: gen tells whether it is still the same one.
type slot struct {
	rule *rule
	gen  uint32
}

// ruleOf returns the rule that ruleWord names, nil if it has gone. The caller holds a lock.
func (t *Table) ruleOf(w uint64) *rule {
	if i := uint32(w); int(i) < len(t.slots) {
		if s := &t.slots[i]; s.rule != nil && s.gen == uint32(w>>32)&trailGen {
			return s.rule
		}
	}
	return nil
}

// inTable reports whether the rule that ruleWord names is still in its table.
func (t *Table) inTable(w uint64) bool {
	r := t.ruleOf(w)
	return r != nil && !r.gone
}

// take gives r a slot.
func (t *Table) take(r *rule) {
	if n := len(t.unused); n > 0 {
		r.slot, t.unused = t.unused[n-1], t.unused[:n-1]
	} else {
		r.slot = uint32(len(t.slots))
		t.slots = append(t.slots, slot{})
	}
	s := &t.slots[r.slot]
	s.rule, r.gen = r, s.gen
}

// release gives the slot of r back.
func (t *Table) release(r *rule) {
	s := &t.slots[r.slot]
	s.rule = nil
	s.gen = (s.gen + 1) & trailGen
	t.unused = append(t.unused, r.slot)
}

// setActions gives r other actions. The caller holds the write lock.
func (t *Table) setActions(r *rule, list []Action) {
	t.unteach(r.Actions)
	r.Actions = list
	t.teach(list)
	conj := conjunctions(list)
	if conj == nil && r.in.Conjunctions == nil {
		return
	}
	c := t.tables[r.Table]
	c.Remove(r.in)
	r.in.Conjunctions = conj
	c.Insert(r.in)
}

// setCookie gives r another cookie. The caller holds the write lock.
func (t *Table) setCookie(r *rule, cookie uint64) {
	t.countLearned(r, -1)
	r.Cookie = cookie
	t.countLearned(r, 1)
}
