package openflow

import "slices"

// Lessons are what the learn actions of a look-up under way have taught so far. Tables have it when the look-up is over:
// the packet that teaches a flow does not meet it, as in OVS, which looks each packet up in the version of the tables
// that it began with. Whatever is looked up later does, the same packet after a recirculation included.
type lessons []lesson

type lesson struct {
	*learned
	new bool // no flow has its match and priority yet
}

// about returns the one about the flow with f's match and priority, -1 if there is none.
func (ls lessons) about(f *Flow) int {
	return slices.IndexFunc(ls, func(l lesson) bool {
		return l.flow.Table == f.Table && l.flow.Priority == f.Priority && l.flow.Match == f.Match
	})
}

// news returns how many flows of a learn action they add.
func (ls lessons) news(key learnedCookie) (n int) {
	for _, l := range ls {
		if l.new && l.flow.Table == key.table && l.flow.Cookie == key.cookie {
			n++
		}
	}
	return n
}

// putLearned sees to it that a learned flow is there when the look-up is over, if a packet is waiting. It reports
// whether it is, or would be, so far as its limit says: for OVS, too, a flow for which its table has no room counts as
// learned.
func (x *xlate) putLearned(l *learned) bool {
	r, before := x.t.find(&l.flow), x.lessons.about(&l.flow)
	known := r != nil || before >= 0
	switch {
	case !known && !x.t.hasRoomFor(l, x.lessons.news(learnedCookie{l.flow.Table, l.flow.Cookie})):
		return false
	case before >= 0:
		x.lessons[before].learned = l
	case r != nil && r.isLearned(l):
		if x.q.Live {
			r.refresh(x.q.Now)
		}
	case !x.q.Live || x.mayChange():
		x.lessons = append(x.lessons, lesson{l, !known})
	}
	if !x.q.Live {
		x.trace(x.level()+1, ">> suppressing side effects, so learn action ignored")
	}
	return true
}

// teach carries out the lessons of a look-up that is over. If a verdict consulted a table in which something has
// changed now, it is for this packet only. The caller holds the write lock.
func (x *xlate) teach() {
	if !x.q.Live {
		return
	}
	for _, l := range x.lessons {
		if x.t.putLearned(l.learned, x.q.Now) && x.v.Tags&x.t.tableTag(l.flow.Table) != 0 {
			x.v.NoCache = true
		}
	}
}
