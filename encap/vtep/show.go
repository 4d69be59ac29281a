package vtep

import (
	"cmp"
	"slices"
	"time"
)

// An Overview is how a Directory and its plug-ins are.
type Overview struct {
	Look       Status
	Invalidate Status // the zero value if the profile has no invalidation plug-in
	Fault      string // what the look-up did wrong last; empty: nothing
	Known      int    // answers
	Negative   int    // answers that there is nobody, and unanswered questions
	Waiting    int    // questions that wait for their first answer
}

// Status returns how the Directory and its plug-ins are.
func (d *Directory) Status() Overview {
	o := Overview{Look: d.look.Status()}
	if d.inv != nil {
		o.Invalidate = d.inv.Status()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	o.Fault = d.fault
	o.Waiting, o.Known, o.Negative = d.book.count[shelf[nothing]], d.book.count[shelf[ends]], d.book.count[shelf[none]]
	return o
}

// A Line is what a Directory knows about one question, for people.
type Line struct {
	Question Question
	State    State
	Answer   Answer
	Stale    bool          // past its life; the plug-in has not answered anew
	Left     time.Duration // until it is asked for again
}

// Lines returns all that is known, ordered by VNI, kind and address.
func (d *Directory) Lines() []Line {
	now := d.opt.Clock()
	d.mu.Lock()
	list := make([]Line, 0, len(d.book.due))
	for _, i := range d.book.due {
		e := &d.book.entries[i]
		list = append(list, Line{Question: e.q, State: stateOf[e.have], Answer: e.a, Stale: e.stale,
			Left: time.Duration(max(0, e.due-now))})
	}
	d.mu.Unlock()
	slices.SortFunc(list, func(a, b Line) int { return a.Question.compare(&b.Question) })
	return list
}

func (q *Question) compare(o *Question) int {
	return cmp.Or(cmp.Compare(q.VNI, o.VNI), cmp.Compare(q.Kind, o.Kind), slices.Compare(q.addr[:], o.addr[:]))
}
