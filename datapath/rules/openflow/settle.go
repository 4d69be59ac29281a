package openflow

// A dying rule is in no table any more, but cached flows may still be crediting it with packets.
type dying struct {
	rule    *rule
	reason  Removal
	at      int64  // ns
	version uint64 // of the change log that knows it is gone
}

// bury ends a rule that a change has removed: at once, or if somebody wants its last word (FlowRemoved),
// when the caches have given up what they owe it. The caller holds the write lock.
func (t *Table) bury(r *rule, why Removal, now int64) {
	if r.Flags&SendFlowRem == 0 || len(t.subscribers) == 0 {
		t.release(r)
		return
	}
	d := dying{r, why, now, t.log.now()}
	if t.settledAt == 0 { // no cache knows this table
		t.end(d)
		return
	}
	t.dying = append(t.dying, d)
}

// end tells the last word of a rule.
func (t *Table) end(d dying) {
	t.tell(d.rule.event(FlowRemoved, d.reason, d.at))
	t.release(d.rule)
}

// Settled implements rules.Settler.
func (t *Table) Settled(version uint64, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settledAt = now
	n := 0
	for n < len(t.dying) && t.dying[n].version <= version {
		t.end(t.dying[n])
		n++
	}
	t.dying = append(t.dying[:0], t.dying[n:]...)
}
