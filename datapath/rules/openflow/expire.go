package openflow

// never is a deadline that does not come.
const never = int64(1<<63 - 1)

// timed reports whether the rule has a timeout.
func (r *rule) timed() bool { return r.IdleTimeout != 0 || r.HardTimeout != 0 }

// deadline returns the time in ns at which the rule goes if no packet comes before.
func (r *rule) deadline() int64 {
	at, _ := r.end()
	return at
}

// end returns when the rule goes if no packet comes before, and why.
func (r *rule) end() (at int64, why Removal) {
	const second = 1e9
	at = never
	if r.HardTimeout != 0 {
		at, why = r.modified+int64(r.HardTimeout)*second, RemovedByHard
	}
	if r.IdleTimeout != 0 {
		if idle := r.used.Load() + int64(r.IdleTimeout)*second; idle < at {
			at, why = idle, RemovedByIdle
		}
	}
	return at, why
}

// Expire removes the flows, addresses and contexts whose time has passed at now and returns how many
// flows. Call it about once a second; flows whose time has not come cost nothing.
func (t *Table) Expire(now int64) int {
	t.forgotten(t.fdb.Expire(now, nil))
	t.contexts.expire(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	x := tx{t: t, now: now}
	for r, at := t.deadlines.first(); r != nil && at <= now; r, at = t.deadlines.first() {
		if at, why := r.end(); at <= now {
			x.remove(r, why)
		} else {
			t.deadlines.move(r, at)
		}
	}
	x.done()
	return len(x.steps)
}
