package openflow

import "github.com/culvertdev/culvert/datapath/rules/mdb"

// never is a deadline that does not come.
const never = int64(1<<63 - 1)

// timed reports whether the rule has a timeout.
func (r *rule) timed() bool { return r.IdleTimeout != 0 || r.HardTimeout != 0 }

// deadline returns the time in ns at which the rule goes if no packet comes before.
func (r *rule) deadline() int64 { return min(r.idleEnd(), r.hardEnd()) }

const second = 1e9 // ns

// idleEnd returns when idle_timeout ends the rule, never if it does not.
func (r *rule) idleEnd() int64 {
	if r.IdleTimeout == 0 {
		return never
	}
	return r.used.Load() + int64(r.IdleTimeout)*second
}

// hardEnd returns when hard_timeout ends the rule, never if it does not.
func (r *rule) hardEnd() int64 {
	if r.HardTimeout == 0 {
		return never
	}
	return r.modified.Load() + int64(r.HardTimeout)*second
}

// Expire removes the flows, addresses, multicast groups and contexts whose time has passed at now, does what is due for
// bonds, and returns how many flows. Call it about once a second; flows whose time has not come cost nothing. A flow is idle only if
// no packet has come that the caches have yet to tell of.
func (t *Table) Expire(now int64) int {
	t.forgotten(t.fdb.Expire(now, nil))
	var listeners mdb.Changes
	t.mdb.Expire(now, &listeners)
	t.listenersChanged(&listeners)
	t.contexts.expire(now)
	t.waiting.Expire(now)
	t.RunBonds(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	known := now
	if t.settledAt != 0 {
		known = min(now, t.settledAt)
	}
	x := tx{t: t, now: now, aside: true}
	for r, at := t.deadlines.first(); r != nil && at <= now; r, at = t.deadlines.first() {
		switch {
		case r.hardEnd() <= now:
			x.remove(r, RemovedByHard)
		case r.idleEnd() <= known:
			x.remove(r, RemovedByIdle)
		default:
			t.deadlines.move(r, max(r.deadline(), now+1))
		}
	}
	x.done()
	return len(x.steps)
}
