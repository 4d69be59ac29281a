package neighbour

import "slices"

// An Aged is a neighbour that something is to be done about.
type Aged struct {
	Host
	Ask     bool    // again
	To      [6]byte // whom to ask; zero: everybody on the link
	Changed bool    // packets to it get other verdicts
}

// Age lets time pass: it appends to list who should be asked, and for whom verdicts have changed, by link and
// address.
func (t *Table) Age(now int64, list []Aged) []Aged {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := t.fresh()
	t.busy = 0
	for h, e := range t.byHost {
		if a := (Aged{Host: h}); t.age(e, now, fresh, &a) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b Aged) int { return a.Compare(b.Host) })
	return list
}

// age lets a neighbour age, whose answer is trusted for fresh ns, and reports whether there is something to be done about it.
func (t *Table) age(e *neighbour, now, fresh int64, a *Aged) bool {
	switch e.state {
	case Asked:
		t.ageAsked(a.Host, e, now, a)
	case Failed:
		if now-e.confirmed >= int64(t.o.FailedFor) {
			t.remove(a.Host, e)
			a.Changed = true
		}
	case Answered:
		t.ageAnswered(a.Host, e, now, fresh, a)
	case Silent:
		t.ageSilent(e, now, a)
	case Told:
		if in, again := t.inUse(e, now); in && now-e.askedAt >= int64(t.o.AskAgain) {
			e.askedAt = now
			a.Ask, a.Changed = true, again
		}
	}
	return a.Ask || a.Changed
}

func (t *Table) ageAsked(h Host, e *neighbour, now int64, a *Aged) {
	switch {
	case now-e.askedAt < int64(t.o.AskAgain):
	case e.tries >= t.o.Tries:
		t.leave(e)
		*e = neighbour{state: Failed, confirmed: now, used: e.used}
		a.Changed = true
	default:
		e.ask(now, a)
	}
}

func (t *Table) ageAnswered(h Host, e *neighbour, now, fresh int64, a *Aged) {
	gone := e.tries >= t.o.Tries && now-e.askedAt >= int64(t.o.Probe)
	in, again := t.inUse(e, now)
	if in {
		t.busy++
	}
	switch {
	case now-max(e.used, e.confirmed) >= int64(t.o.UnusedFor), gone && t.o.Linger == 0:
		t.remove(h, e)
		a.Changed = true
	case gone:
		e.state, e.tries = Silent, 0
		a.Changed = true
	case again:
		a.Changed = true
	case in && now-e.confirmed >= fresh && now-e.askedAt >= int64(t.o.Probe):
		if e.tries == 0 && t.o.Linger > 0 {
			a.To = e.mac // the others on the link need not hear the first question
		}
		e.ask(now, a)
	}
}

// fresh returns how long an answer is trusted, in ns.
func (t *Table) fresh() int64 { return max(int64(t.o.Fresh), int64(t.o.Spread)*int64(t.busy)) }

func (t *Table) ageSilent(e *neighbour, now int64, a *Aged) {
	switch {
	case now-e.confirmed >= int64(t.o.Linger):
		*e = neighbour{state: Failed, confirmed: now, used: e.used}
		a.Changed = true
	case now-e.askedAt >= int64(t.o.AskAgain):
		e.ask(now, a)
	}
}

// inUse reports whether packets go to the neighbour, and whether its users should say so again.
func (t *Table) inUse(e *neighbour, now int64) (in, again bool) {
	switch idle := now - e.used; {
	case t.o.UseFor == 0:
		return e.used > e.confirmed, false
	case idle < int64(t.o.UseFor):
		return true, false
	case !e.offered:
		e.offered = true
		return true, true
	default:
		return idle < int64(t.o.UseFor+grace), false
	}
}

func (e *neighbour) ask(now int64, a *Aged) {
	e.tries++
	e.askedAt = now
	a.Ask = true
}
