package openflow

// A learnedCookie is what the flows of a learn action have in common.
type learnedCookie struct {
	table  uint8
	cookie uint64
}

// A learner is the learn actions of all rules for one learnedCookie.
type learner struct {
	actions  int // of rules that are in tables
	deleting int // those of them with delete_learned
	flows    int // with the cookie, in the table
}

// learners are those of a table, with the flows that are to go with the last delete_learned of theirs.
type learners map[learnedCookie]*learner

// eachLearn calls f for each learn action of a list, and of lists within it.
func eachLearn(list []Action, f func(*Learn)) {
	for _, a := range list {
		if l, ok := a.(*Learn); ok {
			f(l)
		}
		eachLearn(within(a), f)
	}
}

func (a *Learn) learnedCookie() learnedCookie { return learnedCookie{a.Table, a.Cookie} }

// teach counts the learn actions of a rule that came, or got them.
func (t *Table) teach(list []Action) {
	eachLearn(list, func(a *Learn) {
		who := t.learners[a.learnedCookie()]
		if who == nil {
			who = &learner{flows: t.countCookie(a.learnedCookie())}
			t.learners[a.learnedCookie()] = who
		}
		who.actions++
		if a.DeleteLearned {
			who.deleting++
		}
	})
}

// unteach is the reverse of teach. Cookies whose last delete_learned this was are in t.orphans afterwards.
func (t *Table) unteach(list []Action) {
	eachLearn(list, func(a *Learn) {
		key := a.learnedCookie()
		who := t.learners[key]
		if who.actions--; who.actions == 0 {
			delete(t.learners, key)
		}
		if a.DeleteLearned {
			if who.deleting--; who.deleting == 0 {
				t.orphans = append(t.orphans, key)
			}
		}
	})
}

// countCookie returns how many flows there are with a cookie in its table.
func (t *Table) countCookie(key learnedCookie) int {
	return len(t.selected(&Filter{Table: key.table, Cookie: key.cookie, CookieMask: ^uint64(0)}))
}

// countLearned counts a rule, once more or once less, where it may be a learned one.
func (t *Table) countLearned(r *rule, n int) {
	if len(t.learners) > 0 {
		if who := t.learners[learnedCookie{r.Table, r.Cookie}]; who != nil {
			who.flows += n
		}
	}
}

// removeOrphans removes the flows that go with the rules which the change has removed, and those that go
// with them.
func (x *tx) removeOrphans() {
	t := x.t
	for len(t.orphans) > 0 {
		key := t.orphans[0]
		t.orphans = t.orphans[1:]
		if who := t.learners[key]; who != nil && who.deleting > 0 {
			continue
		}
		for _, r := range t.selected(&Filter{Table: key.table, Cookie: key.cookie, CookieMask: ^uint64(0)}) {
			x.remove(r, RemovedByDelete)
		}
	}
	t.orphans = nil
}
