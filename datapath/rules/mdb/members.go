package mdb

// member is that somebody behind a port listens to a group. next links the memberships of the group, older
// and newer those of the port, from the one confirmed longest ago to the last.
type member struct {
	used         int64 // ns: the last report, monotonic clock
	group        int32
	port         uint32
	next         int32
	older, newer int32
}

// members is the memberships, and those of each port in the order of their last report.
type members struct {
	slab  []member
	free  int32 // first unused one, linked by next
	ports []portList
}

// portList is the ends of a port's list and how many are on it. Ports that have none left keep theirs: there
// are as many as the bridge has had ports.
type portList struct {
	port           uint32
	count          int
	oldest, newest int32
}

func newMembers() members { return members{free: none} }

// of returns the list of a port.
func (m *members) of(port uint32) *portList {
	unused := -1
	for i := range m.ports {
		if m.ports[i].port == port {
			return &m.ports[i]
		}
		if m.ports[i].count == 0 {
			unused = i
		}
	}
	fresh := portList{port: port, oldest: none, newest: none}
	if unused >= 0 {
		m.ports[unused] = fresh
		return &m.ports[unused]
	}
	m.ports = append(m.ports, fresh)
	return &m.ports[len(m.ports)-1]
}

// most returns the port that has most, of equals that with the least number; nil when there is none.
func (m *members) most() *portList {
	var most *portList
	for i := range m.ports {
		l := &m.ports[i]
		if l.count > 0 && (most == nil || l.count > most.count || l.count == most.count && l.port < most.port) {
			most = l
		}
	}
	return most
}

// add makes a membership of a port, confirmed at now.
func (m *members) add(group int32, port uint32, next int32, now int64) int32 {
	i := m.free
	if i != none {
		m.free = m.slab[i].next
	} else {
		i = int32(len(m.slab))
		m.slab = append(m.slab, member{})
	}
	m.slab[i] = member{group: group, port: port, next: next}
	m.link(i, now)
	return i
}

// remove ends membership i, which no group has on its list any more.
func (m *members) remove(i int32) {
	m.unlink(i)
	m.slab[i] = member{next: m.free}
	m.free = i
}

// touch confirms membership i at now.
func (m *members) touch(i int32, now int64) {
	m.unlink(i)
	m.link(i, now)
}

// link puts membership i at the end of its port's list. A time before that of the last one counts as that
// one's: the list stays in order.
func (m *members) link(i int32, now int64) {
	e := &m.slab[i]
	l := m.of(e.port)
	e.older, e.newer, e.used = l.newest, none, now
	if l.newest == none {
		l.oldest = i
	} else {
		last := &m.slab[l.newest]
		last.newer = i
		e.used = max(e.used, last.used)
	}
	l.newest = i
	l.count++
}

func (m *members) unlink(i int32) {
	e := &m.slab[i]
	l := m.of(e.port)
	if e.older == none {
		l.oldest = e.newer
	} else {
		m.slab[e.older].newer = e.newer
	}
	if e.newer == none {
		l.newest = e.older
	} else {
		m.slab[e.newer].older = e.older
	}
	l.count--
}
