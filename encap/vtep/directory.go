package vtep

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
)

// A Directory answers the slow path from what it knows, and asks a Resolver about what it does not.
//
// One question is asked once at a time. How many wait for an answer, and how many are asked a second, is bounded in all
// and per VNI: a guest that calls into the dark neither grows memory nor floods the
// plug-in. That there is nobody is remembered like any other answer, on a shelf of its own.
//
// An answer past its life is asked for again and serves until the new one comes, however long that is. One
// that nobody has wanted for its whole life is called in: its users look it up again, if there are any, and
// else it is forgotten. Whatever leaves or changes is in Changes.
//
// Thread-safety: all methods may be called at the same time.
type Directory struct {
	opt  Options // but for Self, it does not change
	look Resolver
	inv  Invalidator // nil: there is none
	seed uint64

	mu       sync.Mutex
	self     []netip.Addr // Options.Self
	vnis     []uint32     // Listen; not changed in place
	listened int64        // ns: when their answers were last wanted
	closed   bool
	book     *book
	log      changeLog
	asks     rates            // questions
	behind   map[uint32]int64 // by VNI: questions that the rate has stood against in this look at what is due
	shots    bucket           // Shoot
	tally    tally
	fault    string // what the plug-in did wrong last
}

// New starts the plug-ins of a profile and returns the Directory before them. inv is nil if the profile has
// no invalidation of its own. The Directory owns both, and closes what it has started if New fails.
func New(o Options, look Resolver, inv Invalidator) (*Directory, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	now := o.Clock()
	d := &Directory{opt: o, self: slices.Clone(o.Self), look: look, inv: inv, seed: rand.Uint64(), book: newBook(), log: changeLog{version: 1},
		behind: make(map[uint32]int64), asks: newRates(o.Rate, now), shots: newBucket(shotRate, now)}
	if err := start(look, d, now); err != nil {
		return nil, err
	}
	if inv == nil {
		return d, nil
	}
	if err := start(inv, d, now); err != nil {
		_ = look.Close()
		return nil, err
	}
	return d, nil
}

// Close ends the plug-ins. What is known is still answered, and nothing is asked any more. Tick must have
// returned, and is not called again.
func (d *Directory) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	var err error
	if d.inv != nil {
		err = d.inv.Close()
	}
	if e := d.look.Close(); err == nil {
		err = e
	}
	return err
}

// State says how far a question is answered.
type State uint8

// States of a question.
const (
	Unknown    State = iota // nobody has asked
	Asked                   // an answer is on its way; its arrival is a change
	Known                   // the answer says where
	None                    // the answer says that there is nobody
	Unanswered              // the plug-in says nothing
	Refused                 // too many questions wait, or were asked this second: not asked
)

var stateNames = [...]string{"unknown", "asked", "known", "none", "unanswered", "refused"}

// String returns the state in a word.
func (s State) String() string { return stateNames[s] }

// A Result is what a Directory says to a question.
type Result struct {
	State  State
	Answer Answer // of Known; its Ends are shared and must not be changed
	// Flooded: nobody knows, and the profile says that it goes to all (Options.FloodUnknown). The answer is
	// that to Flood.
	Flooded bool
	// Tags has the bits of the changes that concern the result. It is set whatever the state: a flow that was
	// decided on Asked or None is concerned by the answer's coming as well.
	Tags uint64
}

// Ask says what is known about q, and asks the plug-in if that is nothing and live is set: without it (a
// trace, the revalidator) the answer is the same but nothing is set going. It does not block, and does not
// allocate for what is known.
func (d *Directory) Ask(q Question, live bool) Result {
	r := d.askOne(q, live)
	if !d.opt.FloodUnknown || q.Kind != ByMAC || r.State != None && r.State != Unanswered {
		return r
	}
	all := d.askOne(ForFlood(q.VNI), live)
	all.Flooded = true
	all.Tags |= r.Tags
	return all
}

func (d *Directory) askOne(q Question, live bool) Result {
	r, ask := d.read(q, live)
	if !ask {
		return r
	}
	d.put(q)
	r, _ = d.read(q, false) // a plug-in that knows answers at once
	return r
}

// read says what is known about q, and whether the plug-in is to be asked.
func (d *Directory) read(q Question, live bool) (r Result, ask bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.Tags = d.tag(&q)
	e := d.book.find(q)
	if e == nil {
		if !live || d.closed {
			return r, false
		}
		r.State = d.begin(q)
		return r, r.State == Asked
	}
	e.used = true
	if live {
		d.book.touch(e)
	}
	r.State = stateOf[e.have]
	if r.State == Known {
		r.Answer = e.a
	}
	return r, false
}

// stateOf is the state of a question by what is had about it.
var stateOf = [...]State{nothing: Asked, ends: Known, none: None, unanswered: Unanswered}

// begin makes an entry for a question to be asked for the first time, if there is room.
func (d *Directory) begin(q Question) State {
	waiting, share := d.book.count[shelf[nothing]], (d.opt.MaxWaiting+1)/2
	if waiting >= d.opt.MaxWaiting || d.book.waiting[q.VNI] >= share {
		d.tally.full++
		return Refused
	}
	now := d.opt.Clock()
	if !d.asks.take(q.VNI, now) {
		d.tally.limited++
		return Refused
	}
	e := d.book.add(q, now+int64(d.opt.Wait))
	e.asking, e.tries, e.used = true, 1, true
	return Asked
}

// put asks the plug-in. The caller does not hold the lock.
func (d *Directory) put(q Question) {
	err := d.look.Ask(q)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tally.asked++
	if err != nil {
		d.tally.failed++
		d.fault = err.Error()
	}
}

// tag returns the bit that stands for q in tags.
func (d *Directory) tag(q *Question) uint64 { return 1 << (q.hash(d.seed) >> 58) }

// changed notes that flows which used what was known about q are to be looked up again.
func (d *Directory) changed(q Question) {
	d.log.add(Change{Tag: d.tag(&q), Question: q})
	d.tally.changes++
}

// notify tells the user that there are changes, without the lock.
func (d *Directory) notify() {
	if d.opt.Notify != nil {
		d.opt.Notify()
	}
}
