package openflow

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/rules/openflow/classifier"
)

// A rule is a flow in a table. Everything but the counters changes under the table's write lock only.
type rule struct {
	Flow
	in       *classifier.Rule[*rule]
	slot     uint32 // place in Table.slots
	gen      uint32 // of the slot
	added    int64  // ns
	modified int64  // ns: hard_timeout counts from here
	place    [schedules]int

	packets, bytes atomic.Uint64
	used           atomic.Int64 // ns: last packet, or when it was added
}

// credit adds traffic to the rule.
func (r *rule) credit(packets, bytes uint64, used int64) {
	r.packets.Add(packets)
	r.bytes.Add(bytes)
	for {
		old := r.used.Load()
		if used <= old || r.used.CompareAndSwap(old, used) {
			return
		}
	}
}

// A slot names a rule in trails, which outlive rules: gen tells whether it is still the same one.
type slot struct {
	rule *rule
	gen  uint32
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
