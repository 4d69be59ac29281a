// Package neighbour is the table of hosts on a link: which Ethernet address each has, whom to ask, and whom no
// more. It knows neither ARP nor neighbour discovery: its owner sends the questions and tells it the answers.
//
// Memory: the table is bounded. Thread-safety: all methods of Table may be called at the same time.
//
// Sources: RFC 826, RFC 4861 section 7.3.
package neighbour

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A Host names a neighbour.
type Host struct {
	Link uint16 // index of the link, as the owner counts them
	Addr netip.Addr
}

// A State is what is known of a neighbour.
type State uint8

// States.
const (
	Unknown  State = iota // not asked: there is no room
	Asked                 // and not answered yet
	Failed                // asked in vain
	Answered              // its address is known
	Silent                // its address is known, but it no longer answers
	Told                  // its address is somebody else's knowledge, who is asked for it while it is in use
	Fixed                 // by configuration
)

// String returns the state's name as users see it.
func (s State) String() string {
	return [...]string{"unknown", "asked", "failed", "answered", "silent", "kernel", "static"}[s]
}

// Known reports whether packets can be sent to a neighbour in this state.
func (s State) Known() bool { return s >= Answered }

// Options bound a table and its times. All are needed but those that say what zero means.
type Options struct {
	Max       int           // neighbours
	MaxAsked  int           // neighbours that have not answered yet
	Tries     int           // questions without an answer
	AskAgain  time.Duration // between questions to one that has not answered
	Fresh     time.Duration // an answer is trusted so long, then one in use is asked again
	Spread    time.Duration // Fresh is at least this much for each neighbour in use: it bounds the rate of questions
	Probe     time.Duration // between questions to one that has answered before
	Linger    time.Duration // one that no longer answers is Silent so long, then Failed; 0: it is forgotten at once
	FailedFor time.Duration // how long one that did not answer counts as not there
	UnusedFor time.Duration // one is remembered without traffic
	// UseFor is how long a neighbour counts as used after Want. Then it is said to have changed, once, so that who
	// still needs it wants it again. 0: it is used as long as it is wanted more recently than it has answered.
	UseFor time.Duration
	// Settle is the least time between two moves of a neighbour to another Ethernet address; 0: none.
	Settle time.Duration
}

// grace is how long users of a neighbour have to want it again.
const grace = 10 * time.Second

// A neighbour is a host on one of the links. Times are in ns on the clock of the table's owner.
type neighbour struct {
	state     State
	mac       [6]byte
	confirmed int64 // last answer, or when it failed
	used      int64 // last packet to it
	askedAt   int64
	moved     int64 // to mac
	tries     int
	offered   bool   // its users were told to want it again
	held      []byte // a packet that goes out with the answer: that which asked
}

// A Table is a table of neighbours. New makes one.
type Table struct {
	o Options

	mu      sync.Mutex
	byHost  map[Host]*neighbour
	waiting int // in state Asked
	busy    int // in state Answered and in use, at the last Age
}

// New returns an empty table.
func New(o Options) *Table { return &Table{o: o, byHost: make(map[Host]*neighbour)} }

// Find returns what is known of a host.
func (t *Table) Find(h Host) (mac [6]byte, state State) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byHost[h]; e != nil {
		return e.mac, e.state
	}
	return mac, Unknown
}

// Want notes that a packet has to go to a host that is not known, or that was and is in use, and reports
// whether it should be asked for now. held, which is kept, is the packet, nil if it cannot wait.
func (t *Table) Want(h Host, held []byte, now int64) (ask bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byHost[h]
	if e == nil {
		if len(t.byHost) >= t.o.Max || t.waiting >= t.o.MaxAsked {
			return false
		}
		t.byHost[h] = &neighbour{state: Asked, used: now, askedAt: now, tries: 1, held: held}
		t.waiting++
		return true
	}
	e.used = max(e.used, now)
	e.offered = false
	if e.state == Asked && held != nil {
		e.held = held
	}
	return false
}

// A Lesson is what came of Learn.
type Lesson struct {
	Changed bool   // verdicts for packets to the host are others now
	Refused bool   // it moved only just now: too often
	Held    []byte // the packet that waited for it
}

// Learn notes what a host's address is. A host that nobody asked about enters the table only if create is set.
func (t *Table) Learn(h Host, mac [6]byte, now int64, create bool) (l Lesson) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byHost[h]
	switch {
	case e == nil && (!create || len(t.byHost) >= t.o.Max), e != nil && e.state >= Told:
		return l
	case e == nil:
		e = &neighbour{}
		t.byHost[h] = e
	case e.state == Asked:
		t.waiting--
	case e.state.Known() && e.mac != mac:
		if t.o.Settle > 0 && now-e.moved < int64(t.o.Settle) {
			l.Refused = true
			return l
		}
		e.moved = now
	}
	l.Changed = e.state != Answered || e.mac != mac
	l.Held, e.held = e.held, nil
	e.state, e.mac, e.tries = Answered, mac, 0
	e.confirmed = max(e.confirmed, now)
	if t.o.UseFor == 0 { // else an answer is no use
		e.used = max(e.used, now)
	}
	return l
}

// Confirm notes that a host has shown, at the time used, that its address is still mac.
func (t *Table) Confirm(h Host, mac [6]byte, used int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byHost[h]; e != nil && e.state == Answered && e.mac == mac && used > e.confirmed {
		e.confirmed, e.tries = used, 0
	}
}

// Tell notes what somebody else says of a host: Told with its address, Asked, Failed, or Unknown to forget it. It
// reports whether packets to the host get other verdicts.
func (t *Table) Tell(h Host, s State, mac [6]byte, now int64) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byHost[h]
	if e == nil {
		if s == Unknown || len(t.byHost) >= t.o.Max {
			return false
		}
		e = &neighbour{askedAt: now}
		t.byHost[h] = e
	}
	changed = e.state != s || e.mac != mac
	t.leave(e)
	e.state, e.mac, e.confirmed, e.tries = s, mac, now, 0
	switch s {
	case Unknown:
		delete(t.byHost, h)
	case Asked:
		t.waiting++
	}
	return changed
}

// leave keeps count of who is asked as an entry gets another state.
func (t *Table) leave(e *neighbour) {
	if e.state == Asked {
		t.waiting--
	}
}

// Fix makes the configured neighbours the fixed ones, and forgets those that were, and all if asked to. It returns whose addresses are others now.
func (t *Table) Fix(list map[Host][6]byte, forget bool) (changed []Host) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for h, e := range t.byHost {
		if mac, stays := list[h]; e.state == Fixed && stays && mac == e.mac {
			continue
		}
		if forget || e.state == Fixed {
			t.remove(h, e)
			changed = append(changed, h)
		}
	}
	for h, mac := range list {
		if e := t.byHost[h]; e == nil || e.state != Fixed {
			if e != nil {
				t.remove(h, e)
			}
			t.byHost[h] = &neighbour{state: Fixed, mac: mac}
			changed = append(changed, h)
		}
	}
	return changed
}

// Relink gives links the indexes that moved says, and forgets the hosts of those that it does not name.
func (t *Table) Relink(moved map[uint16]uint16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.byHost
	t.byHost = make(map[Host]*neighbour, len(old))
	for h, e := range old {
		link, ok := moved[h.Link]
		if !ok {
			t.leave(e)
			continue
		}
		t.byHost[Host{link, h.Addr}] = e
	}
}

func (t *Table) remove(h Host, e *neighbour) {
	t.leave(e)
	delete(t.byHost, h)
}

// A Status is what is known of a neighbour, for people.
type Status struct {
	Host
	MAC   [6]byte
	State State
	Age   time.Duration // since it last answered, or failed
}

// List returns all neighbours, by link and address.
func (t *Table) List(now int64) []Status {
	t.mu.Lock()
	list := make([]Status, 0, len(t.byHost))
	for h, e := range t.byHost {
		list = append(list, Status{h, e.mac, e.state, time.Duration(max(0, now-e.confirmed))})
	}
	t.mu.Unlock()
	slices.SortFunc(list, func(a, b Status) int { return a.Compare(b.Host) })
	return list
}

// Len returns the number of neighbours.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byHost)
}

// Compare orders hosts by link and address.
func (h Host) Compare(o Host) int { return cmp.Or(cmp.Compare(h.Link, o.Link), h.Addr.Compare(o.Addr)) }
