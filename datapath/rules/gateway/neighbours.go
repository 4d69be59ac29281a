package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds of the table of neighbours, and its times (RFC 4861 section 10, where it has them).
const (
	maxNeighbours = 16384
	maxAsked      = 1024             // neighbours that have not answered yet
	askAgain      = time.Second      // RETRANS_TIMER
	maxTries      = 3                // MAX_MULTICAST_SOLICIT
	fresh         = 30 * time.Second // REACHABLE_TIME: an answer is trusted so long, then one in use is asked again
	failedFor     = 5 * time.Second  // how long a neighbour that did not answer counts as not there
	unusedFor     = 10 * time.Minute // a neighbour is remembered without traffic
	maxHeld       = 2048             // bytes of the packet that waits for a neighbour
)

// A host names a neighbour.
type host struct {
	seg  uint16
	addr netip.Addr
}

type neighbourState uint8

const (
	unknown neighbourState = iota // not asked: there is no room
	asked                         // and not answered yet
	failed                        // asked in vain
	answered
	fixed // by configuration
)

// A neighbour is a host in one of the segments. Times are in ns on the clock of rules.Query.
type neighbour struct {
	state     neighbourState
	mac       [6]byte
	confirmed int64 // last answer, or when it failed
	used      int64 // last packet to it
	askedAt   int64
	tries     int
	held      []byte // a packet that goes out with the answer: that which asked
}

// neighbours is the table of neighbours.
//
// Thread-safety: all methods may be called at the same time.
type neighbours struct {
	mu      sync.Mutex
	byHost  map[host]*neighbour
	waiting int // in state asked
}

func newNeighbours() *neighbours { return &neighbours{byHost: make(map[host]*neighbour)} }

// find returns what is known of a host.
func (n *neighbours) find(h host) (mac [6]byte, state neighbourState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.byHost[h]; e != nil {
		return e.mac, e.state
	}
	return mac, unknown
}

// want notes that a packet has to go to a host that is not known, or that was and is in use, and reports
// whether it should be asked for now. held, which is kept, is the packet, nil if it cannot wait.
func (n *neighbours) want(h host, held []byte, now int64) (ask bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.byHost[h]
	if e == nil {
		if len(n.byHost) >= maxNeighbours || n.waiting >= maxAsked {
			return false
		}
		n.byHost[h] = &neighbour{state: asked, used: now, askedAt: now, tries: 1, held: held}
		n.waiting++
		return true
	}
	e.used = max(e.used, now)
	if e.state == asked && held != nil {
		e.held = held
	}
	return false
}

// learn notes what a host's address is, and returns the packet that waited for it. A host that nobody asked
// about enters the table only if create is set. changed: verdicts for packets to it are others now.
func (n *neighbours) learn(h host, mac [6]byte, now int64, create bool) (changed bool, held []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.byHost[h]
	switch {
	case e == nil && (!create || len(n.byHost) >= maxNeighbours), e != nil && e.state == fixed:
		return false, nil
	case e == nil:
		e = &neighbour{}
		n.byHost[h] = e
	case e.state == asked:
		n.waiting--
	}
	changed = e.state != answered || e.mac != mac
	held, e.held = e.held, nil
	e.state, e.mac, e.tries = answered, mac, 0
	e.confirmed, e.used = max(e.confirmed, now), max(e.used, now)
	return changed, held
}

// confirm notes that a cached flow has carried a message of a host that says its address is still mac.
func (n *neighbours) confirm(h host, mac [6]byte, used int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.byHost[h]; e != nil && e.state == answered && e.mac == mac && used > e.confirmed {
		e.confirmed, e.tries = used, 0
	}
}

// fix makes the configured neighbours the fixed ones, and forgets those that were, and all if asked to.
func (n *neighbours) fix(list map[host][6]byte, forget bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for h, e := range n.byHost {
		if forget || e.state == fixed {
			n.remove(h, e)
		}
	}
	for h, mac := range list {
		if e := n.byHost[h]; e != nil {
			n.remove(h, e)
		}
		n.byHost[h] = &neighbour{state: fixed, mac: mac}
	}
}

func (n *neighbours) remove(h host, e *neighbour) {
	if e.state == asked {
		n.waiting--
	}
	delete(n.byHost, h)
}

// A verdict of age about a neighbour.
type aged struct {
	host
	ask     bool // again
	changed bool // packets to it get other verdicts
}

// age lets time pass: it appends to list who should be asked, and for whom verdicts have changed, in order of
// segment and address.
func (n *neighbours) age(now int64, list []aged) []aged {
	n.mu.Lock()
	defer n.mu.Unlock()
	for h, e := range n.byHost {
		a := aged{host: h}
		a.ask, a.changed = n.ageOne(h, e, now)
		if a.ask || a.changed {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b aged) int { return cmp.Or(cmp.Compare(a.seg, b.seg), a.addr.Compare(b.addr)) })
	return list
}

func (n *neighbours) ageOne(h host, e *neighbour, now int64) (ask, changed bool) {
	switch e.state {
	case asked:
		if now-e.askedAt < int64(askAgain) {
			return false, false
		}
		if e.tries == maxTries {
			n.waiting--
			*e = neighbour{state: failed, confirmed: now, used: e.used}
			return false, true
		}
	case failed:
		if now-e.confirmed >= int64(failedFor) {
			n.remove(h, e)
			return false, true
		}
		return false, false
	case answered:
		stale, idle := now-e.confirmed >= int64(fresh), e.used <= e.confirmed
		if now-max(e.used, e.confirmed) >= int64(unusedFor) || e.tries == maxTries && now-e.askedAt >= int64(askAgain) {
			n.remove(h, e)
			return false, true
		}
		if !stale || idle || now-e.askedAt < int64(askAgain) {
			return false, false
		}
	default:
		return false, false
	}
	e.tries++
	e.askedAt = now
	return true, false
}
