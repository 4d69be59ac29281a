package openflow

// ReplaceFlows makes flows the only ones of all tables, in one step: no look-up sees a state between.
// Those that are there already, actions included, stay as they are with their counters. It returns how
// many came and went; on an error, a [*ChangeError], it changes nothing.
func (t *Table) ReplaceFlows(flows []Flow) (added, removed int, err error) {
	for i := range flows {
		if err := flows[i].valid(); err != nil {
			return 0, 0, &ChangeError{Index: i, Text: "add " + flows[i].String(), Err: err}
		}
	}
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	x := tx{t: t, now: now}
	before, stayed := t.len(), 0
	wanted := make(map[*rule]bool, len(flows)) // of those to be there: was there before, as it is to be
	for i := range flows {
		f := &flows[i]
		if r := t.find(f); r != nil && r.same(f) {
			_, again := wanted[r]
			wanted[r] = wanted[r] || !again
		}
	}
	// What goes, goes first: it may be in the way of what comes.
	all := AllFlows()
	for _, r := range t.selected(&all) {
		if wanted[r] {
			stayed++
		} else {
			x.remove(r, RemovedByDelete)
		}
	}
	for i := range flows {
		if r := t.find(&flows[i]); r != nil && r.same(&flows[i]) {
			continue
		}
		if err := x.add(&flows[i]); err != nil {
			x.undo()
			return 0, 0, &ChangeError{Index: i, Text: "add " + flows[i].String(), Err: err}
		}
	}
	x.done()
	return t.len() - stayed, before - stayed, nil
}

// same reports whether two flows of the same table, priority and match do the same. Flags make no
// difference, as in ovs-ofctl replace-flows and diff-flows.
func (f *Flow) same(o *Flow) bool {
	return f.Cookie == o.Cookie && f.IdleTimeout == o.IdleTimeout && f.HardTimeout == o.HardTimeout &&
		f.Importance == o.Importance &&
		string(AppendActions(nil, f.Actions)) == string(AppendActions(nil, o.Actions))
}
