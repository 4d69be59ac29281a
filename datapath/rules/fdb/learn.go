package fdb

import "fmt"

// A Result says what an operation changed.
type Result struct {
	New     bool // the address was not known
	Moved   bool // it was known on another port
	Evicted bool // another address was forgotten to make room: Victim
	Victim  Key
}

// Changed reports whether a decision made from the table before may be another one now.
func (r Result) Changed() bool { return r.New || r.Moved || r.Evicted }

// Learn notes that key was seen on port at now. Group addresses are not learned, static entries do not
// move, and nothing is learned into a table full of static entries.
func (t *Table) Learn(key Key, port uint32, now int64) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.learn(key, port, now)
}

// Replay is Learn for a packet that passed in the past, as a cached flow's counters tell of it. One from
// before the last flush does not bring an address back, nor does one from before the entry's last use
// move it back to where it came from.
func (t *Table) Replay(key Key, port uint32, used int64) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, known := t.index[key]
	if !known && used <= t.flushed || known && t.entries[i].port != port && used <= t.entries[i].used {
		return Result{}
	}
	return t.learn(key, port, used)
}

func (t *Table) learn(key Key, port uint32, now int64) (r Result) {
	if key.group() {
		return r
	}
	i, known := t.index[key]
	switch {
	case !known:
		if len(t.index) >= t.opt.Capacity {
			if r.Victim, r.Evicted = t.evict(); !r.Evicted {
				return r
			}
		}
		i = t.alloc(key, port)
		r.New = true
	case t.entries[i].static:
		return r
	case t.entries[i].port != port:
		t.unlink(i)
		t.entries[i].port = port
		r.Moved = true
	default:
		t.touch(i, now)
		return r
	}
	t.entries[i].since = now
	t.link(i, now)
	return r
}

// AddStatic enters key on port for good: it is neither forgotten nor moved. It replaces what was
// learned. It fails for a group address and when the table is full of static entries.
func (t *Table) AddStatic(key Key, port uint32) (Result, error) {
	if key.group() {
		return Result{}, fmt.Errorf("static address %v: a group address has no port", key)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var r Result
	i, known := t.index[key]
	switch {
	case !known:
		if len(t.index) >= t.opt.Capacity {
			if r.Victim, r.Evicted = t.evict(); !r.Evicted {
				return r, fmt.Errorf("static address %v: all %d places are taken by static entries", key, t.opt.Capacity)
			}
		}
		i = t.alloc(key, port)
		r.New = true
	case t.entries[i].static:
		r.Moved = t.entries[i].port != port
	default:
		r.Moved = t.entries[i].port != port
		t.unlink(i)
	}
	t.entries[i].port, t.entries[i].static, t.entries[i].since = port, true, 0
	return r, nil
}

// Remove forgets key, static or learned, and reports whether it was known. now is the time in ns: see Replay.
func (t *Table) Remove(key Key, now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flushed = max(t.flushed, now)
	i, ok := t.index[key]
	if ok {
		t.remove(i)
	}
	return ok
}

// evict forgets the address unused longest on the port that has most.
func (t *Table) evict() (Key, bool) {
	l := t.ports.most()
	if l == nil {
		return 0, false
	}
	key := t.entries[l.head].key
	t.remove(l.head)
	return key, true
}

// alloc takes an unused entry and names it. It is on no list yet.
func (t *Table) alloc(key Key, port uint32) int32 {
	i := t.free
	if i != none {
		t.free = t.entries[i].next
	} else {
		i = int32(len(t.entries))
		t.entries = append(t.entries, entry{})
	}
	t.entries[i] = entry{key: key, port: port, prev: none, next: none}
	t.index[key] = i
	return i
}

// remove takes an entry out of everything.
func (t *Table) remove(i int32) {
	e := &t.entries[i]
	delete(t.index, e.key)
	if !e.static {
		t.unlink(i)
	}
	*e = entry{next: t.free}
	t.free = i
}

// link puts entry i at the end of its port's list, as used at now. A time before that of the list's
// last entry counts as that one's: the list stays in order, and an address is kept a moment longer
// rather than sorted in.
func (t *Table) link(i int32, now int64) {
	e := &t.entries[i]
	l := t.ports.of(e.port)
	e.prev, e.next, e.used = l.tail, none, now
	if l.tail == none {
		l.head = i
	} else {
		last := &t.entries[l.tail]
		last.next = i
		e.used = max(e.used, last.used)
	}
	l.tail = i
	t.ports.add(l, 1)
}

// unlink takes entry i off its port's list.
func (t *Table) unlink(i int32) {
	e := &t.entries[i]
	l := t.ports.of(e.port)
	t.detach(l, e)
	t.ports.add(l, -1)
}

// touch makes entry i the one used last on its port.
func (t *Table) touch(i int32, now int64) {
	e := &t.entries[i]
	l := t.ports.byPort[e.port]
	if l.tail == i {
		e.used = max(e.used, now)
		return
	}
	t.detach(l, e)
	last := &t.entries[l.tail]
	e.prev, e.next, e.used = l.tail, none, max(now, last.used)
	last.next = i
	l.tail = i
}

// detach joins the neighbours of e.
func (t *Table) detach(l *portList, e *entry) {
	if e.prev == none {
		l.head = e.next
	} else {
		t.entries[e.prev].next = e.next
	}
	if e.next == none {
		l.tail = e.prev
	} else {
		t.entries[e.next].prev = e.prev
	}
}
