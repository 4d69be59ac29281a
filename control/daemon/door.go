package daemon

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/tunnel"
)

// maxSaid is how many addresses guests may say that they have between two looks, of each guest the last maxClaims. Who
// finds no room is heard when more packets of its are counted that say so.
const maxSaid = 4096

// A door is where the datapath says what it sees of guests, and asks who is here. Behind it a look may wait for a
// directory, which nobody who holds a lock of the datapath's may do: at the door nobody waits for anybody but for another
// at the door.
//
// Thread-safety: all methods may be called at the same time. They call nobody.
type door struct {
	crowded atomic.Uint64 // times that there was no room for a guest
	refused atomic.Uint64 // times that there was none for what a guest says

	mu     sync.Mutex
	known  map[guest]standing // those that are or were here, as of now
	fresh  map[guest]arrival  // whose packets went into a tunnel since the last look
	silent places             // of those, of the last's until it ends, and of guests here whom their bridges do not know
	said   map[guest][]saying // since the last look, the last one last
	spoken places             // of all of said
	n      uint64             // sayings so far
	says   map[claim]voice    // who said last that an address is his
	voices map[guest]int      // how many addresses of says are a guest's

	full map[uint32]fullness // ports that there was no room for a guest at
}

// A fullness is that of a port that has as many guests as it may have.
type fullness struct {
	wanted bool  // since the last look there was no room for one more
	since  int64 // ns: when there was none, and room was to be made for the last time
}

// A standing is what the door knows of a guest that is or was here.
type standing struct {
	here bool
	port uint32 // here: that it is at
	asOf int64  // ns: all that is known of it as of then: earlier packets say nothing new
}

// A saying is a guest's that an address is its own.
type saying struct {
	tunnel.Saying
	n uint64 // all before have smaller ones
}

// who returns the guest that says it.
func (s *saying) who() guest { return guest{s.VNI, s.MAC} }

// what returns what it says.
func (s *saying) what() claim { return claim{s.VNI, s.IP} }

// A voice is a guest's that has said last that an address is its own.
type voice struct {
	who  guest
	used int64 // ns: when
}

func newDoor() *door {
	return &door{
		known: make(map[guest]standing), fresh: make(map[guest]arrival), silent: newPlaces(maxSilent),
		said: make(map[guest][]saying), spoken: newPlaces(maxSaid), says: make(map[claim]voice), voices: make(map[guest]int),
		full: make(map[uint32]fullness),
	}
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
		d.unfresh(who)
	case s.here || fresh: // there are no more guests by it
		d.refresh(who, arrival{port: port, used: used, since: a.since})
	case !d.silent.take(port):
		d.crowded.Add(1)
		d.want(port, used)
	default:
		d.fresh[who] = arrival{port: port, used: used}
	}
}

// want asks the next look to make room for guests at a port, if it was not asked that a moment ago.
func (d *door) want(port uint32, now int64) {
	if f, ok := d.full[port]; !ok || now-f.since > int64(crowdedFor) {
		d.full[port] = fullness{true, now}
	}
}

// refresh notes what was seen of a guest since the last look, whether there is room or not.
func (d *door) refresh(who guest, a arrival) {
	d.unfresh(who)
	d.fresh[who] = a
	d.silent.add(a.port)
}

// unfresh forgets what was seen of a guest since the last look.
func (d *door) unfresh(who guest) {
	if a, ok := d.fresh[who]; ok {
		delete(d.fresh, who)
		d.silent.give(a.port)
	}
}

// Claim implements tunnel.Guests. What flows have said before makes a guest lose no other address, nor anybody one that was said
// later.
func (d *door) Claim(s tunnel.Saying) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := saying{s, d.n + 1}
	who, what := one.who(), one.what()
	v, known := d.says[what]
	switch {
	case known && v.who == who:
		d.says[what] = voice{who, max(v.used, s.Used)}
		return
	case known && s.Used < v.used:
		return
	case s.Again && d.voices[who] >= maxClaims: // as stay.deaf, without a look
		return
	case !d.room(&one):
		return
	}
	d.n++
	d.unsay(what, v.who)
	d.says[what] = voice{who, s.Used}
	d.voices[who]++
	d.said[who] = append(d.said[who], one)
}

// room makes room for what a guest says, if there is some.
func (d *door) room(s *saying) bool {
	list := d.said[s.who()]
	if len(list) < maxClaims {
		return d.may(s)
	}
	first := list[0]
	if s.Again || first.Port != s.Port && !d.may(s) {
		return false
	}
	if first.Port != s.Port {
		d.spoken.give(first.Port)
	}
	d.unsay(first.what(), s.who()) // it loses the first of them to this one
	d.said[s.who()] = slices.Delete(list, 0, 1)
	return true
}

// may takes a place for what a guest says, if there is one.
func (d *door) may(s *saying) bool {
	ok := d.spoken.take(s.Port)
	if !ok {
		d.refused.Add(1)
	}
	return ok
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
	for _, f := range d.full {
		if f.wanted {
			return true
		}
	}
	return len(d.fresh)+d.spoken.taken > 0
}

// wanted returns the ports that room is to be made for guests at, and forgets those that there has been room at for long.
func (d *door) wanted(now int64) (ports []uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for port, f := range d.full {
		if f.wanted {
			ports = append(ports, port)
			d.full[port] = fullness{false, f.since}
		} else if now-f.since > int64(crowdedFor) {
			delete(d.full, port)
		}
	}
	return ports
}

// seen returns when a guest was last seen to be where it is, in ns.
func (d *door) seen(who guest) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[who].asOf
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
	d.spoken.empty()
	d.fresh = make(map[guest]arrival)
	return fresh, said
}

// done ends a look, after which guests here whom their bridges do not know have the places in silent, which the door owns
// from now on. Those who wait are there for the next look as well.
func (d *door) done(waiting map[guest]arrival, silent places) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = silent
	for who, a := range waiting {
		if later, ok := d.fresh[who]; ok {
			a.port, a.used = later.port, later.used
		}
		d.fresh[who] = a
	}
	for _, a := range d.fresh {
		d.silent.add(a.port)
	}
}

// came notes that a guest is here. What it has sent there since the look began says nothing new.
func (d *door) came(who guest, port uint32, since int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := standing{here: true, port: port, asOf: max(d.known[who].asOf, since)}
	if a, ok := d.fresh[who]; ok && (a.port == port || a.used <= s.asOf) {
		s.asOf = max(s.asOf, a.used)
		d.unfresh(who)
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
		d.refresh(who, arrival{port: s.port, used: s.asOf})
	}
}

// forget forgets that a guest was here.
func (d *door) forget(who guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, who)
}

// spoke returns when a guest has said last that an address is its own, in ns; 0 if that was too long ago, or another has said
// so since.
func (d *door) spoke(c claim, who guest) (used int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v := d.says[c]; v.who == who {
		used = v.used
	}
	return used
}

// disown forgets that a guest has an address, unless another has said since that it is his.
func (d *door) disown(c claim, who guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unsay(c, who)
}

// unsay is disown with the lock held.
func (d *door) unsay(c claim, who guest) {
	if v, ok := d.says[c]; !ok || v.who != who {
		return
	}
	delete(d.says, c)
	if d.voices[who]--; d.voices[who] == 0 {
		delete(d.voices, who)
	}
}
