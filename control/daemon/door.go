package daemon

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// maxSaid is how many addresses guests may say that they have between two looks, of each guest the last maxClaims. Who finds no room
// is heard when it says so in a flow that is new.
const maxSaid = 4096

// A door is where the datapath says what it sees of guests, and asks who is here. Behind it a look may wait for a directory, which
// nobody who holds a lock of the datapath's may do: at the door nobody waits for anybody but for another at the door.
//
// Thread-safety: all methods may be called at the same time. They call nobody.
type door struct {
	crowded atomic.Uint64 // times that there was no room for a guest

	mu     sync.Mutex
	known  map[guest]standing // those that are or were here, as of now
	fresh  map[guest]arrival  // whose packets went into a tunnel since the last look
	said   map[guest][]saying // since the last look, the last one last
	spoken int                // all of said
	n      uint64             // sayings so far
	says   map[claim]guest    // who said last that an address is his
	silent int                // guests here that their bridges do not know, at the last look
	taken  int                // of fresh, by a look that goes on
}

// A standing is what the door knows of a guest that is or was here.
type standing struct {
	here bool
	port uint32 // here: that it is at
	asOf int64  // ns: all that is known of it as of then: earlier packets say nothing new
}

// A saying is a guest's that an address is its own.
type saying struct {
	claim
	who guest
	n   uint64 // all before have smaller ones
}

func newDoor() *door {
	return &door{known: make(map[guest]standing), fresh: make(map[guest]arrival), said: make(map[guest][]saying), says: make(map[claim]guest)}
}

// Enter implements tunnel.Guests.
func (d *door) Enter(vni uint32, mac [6]byte, port uint32, used int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	who := guest{vni, mac}
	s := d.known[who]
	a, fresh := d.fresh[who]
	switch {
	case used <= s.asOf, fresh && used <= a.used:
	case s.here && s.port == port:
		s.asOf = used
		d.known[who] = s
		delete(d.fresh, who)
	case !s.here && !fresh && d.silent+d.taken+len(d.fresh) >= maxSilent:
		d.crowded.Add(1)
	default:
		d.fresh[who] = arrival{port: port, used: used, since: a.since}
	}
}

// Claim implements tunnel.Guests.
func (d *door) Claim(vni uint32, mac [6]byte, ip netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	who, what := guest{vni, mac}, claim{vni, ip}
	if owner, known := d.says[what]; known && owner == who {
		return
	}
	list := d.said[who]
	switch {
	case len(list) == maxClaims: // it would lose the first of them to this one
		d.unsay(list[0].claim, who)
		list = slices.Delete(list, 0, 1)
	case d.spoken >= maxSaid:
		d.crowded.Add(1)
		return
	default:
		d.spoken++
	}
	d.n++
	d.says[what] = who
	d.said[who] = append(list, saying{what, who, d.n})
}

// Has implements tunnel.Guests.
func (d *door) Has(vni uint32, mac [6]byte) (here, was bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, was := d.known[guest{vni, mac}]
	return s.here, was
}

// waits reports whether somebody has said something since the last look.
func (d *door) waits() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.fresh)+d.spoken > 0
}

// take begins a look: it takes what was said since the last, in that order.
func (d *door) take() (fresh map[guest]arrival, said []saying) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, list := range d.said {
		said = append(said, list...)
	}
	slices.SortFunc(said, func(a, b saying) int { return cmp.Compare(a.n, b.n) })
	fresh = d.fresh
	clear(d.said)
	d.fresh, d.spoken, d.taken = make(map[guest]arrival), 0, len(fresh)
	return fresh, said
}

// done ends a look, after which so many guests here are not known to their bridges. Those who wait are there for the next look as well.
func (d *door) done(waiting map[guest]arrival, silent int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent, d.taken = silent, 0
	for who, a := range waiting {
		if later, ok := d.fresh[who]; ok {
			a.port, a.used = later.port, later.used
		}
		d.fresh[who] = a
	}
}

// came notes that a guest is here. What it has sent there since the look began says nothing new.
func (d *door) came(who guest, port uint32, since int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := standing{here: true, port: port, asOf: max(d.known[who].asOf, since)}
	if a, ok := d.fresh[who]; ok && (a.port == port || a.used <= s.asOf) {
		s.asOf = max(s.asOf, a.used)
		delete(d.fresh, who)
	}
	d.known[who] = s
}

// left notes that a guest is not here any more, as of now. What it has sent there since is news.
func (d *door) left(who guest, now int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.known[who]
	d.known[who] = standing{asOf: now}
	if _, fresh := d.fresh[who]; s.here && s.asOf > now && !fresh {
		d.fresh[who] = arrival{port: s.port, used: s.asOf}
	}
}

// forget forgets that a guest was here.
func (d *door) forget(who guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, who)
}

// disown forgets that a guest has an address, unless another has said since that it is his.
func (d *door) disown(c claim, who guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unsay(c, who)
}

// unsay is disown with the lock held.
func (d *door) unsay(c claim, who guest) {
	if d.says[c] == who {
		delete(d.says, c)
	}
}
