package openflow

// A schedule is a heap of rules by a number, the lowest first. A rule knows its place in the schedules it
// is in, so it can be taken out.
//
// The numbers are times at which rules go, as they were when somebody last looked. Traffic moves them to
// later, never to earlier, so the first in the heap is looked at again before it is believed.
type schedule struct {
	which int // of rule.place
	list  []scheduled
}

type scheduled struct {
	rule *rule
	at   int64
	rank uint16 // goes before at
}

// Schedules that a rule may be in.
const (
	byDeadline = iota
	byEviction
	schedules
)

func (s *schedule) len() int { return len(s.list) }

// first returns the rule with the lowest number; nil if there is none.
func (s *schedule) first() (*rule, int64) {
	if len(s.list) == 0 {
		return nil, 0
	}
	return s.list[0].rule, s.list[0].at
}

// push adds a rule.
func (s *schedule) push(r *rule, at int64) { s.pushRanked(r, 0, at) }

func (s *schedule) pushRanked(r *rule, rank uint16, at int64) {
	s.list = append(s.list, scheduled{})
	s.up(len(s.list)-1, scheduled{r, at, rank})
}

// move gives a rule another number.
func (s *schedule) move(r *rule, at int64) {
	i := r.place[s.which]
	e := s.list[i]
	e.at = at
	s.settle(i, e)
}

// remove takes a rule out.
func (s *schedule) remove(r *rule) {
	i, n := r.place[s.which], len(s.list)-1
	last := s.list[n]
	s.list[n] = scheduled{}
	s.list = s.list[:n]
	if i < n {
		s.settle(i, last)
	}
}

// settle puts e where it belongs, given that place i is free.
func (s *schedule) settle(i int, e scheduled) {
	if i > 0 && e.before(&s.list[(i-1)/2]) {
		s.up(i, e)
		return
	}
	for {
		child := 2*i + 1
		if child+1 < len(s.list) && s.list[child+1].before(&s.list[child]) {
			child++
		}
		if child >= len(s.list) || !s.list[child].before(&e) {
			s.set(i, e)
			return
		}
		s.set(i, s.list[child])
		i = child
	}
}

// up puts e at place i, which is free, or above.
func (s *schedule) up(i int, e scheduled) {
	for i > 0 && e.before(&s.list[(i-1)/2]) {
		s.set(i, s.list[(i-1)/2])
		i = (i - 1) / 2
	}
	s.set(i, e)
}

func (s *schedule) set(i int, e scheduled) {
	s.list[i] = e
	e.rule.place[s.which] = i
}

func (e *scheduled) before(o *scheduled) bool {
	return e.rank < o.rank || e.rank == o.rank && e.at < o.at
}
