// Package reval keeps the flow cache true: it looks cached flows up again when their rule table has
// changed, hands their traffic back to the table, and removes those nothing uses.
//
// A walk goes over all flows in pieces, so that the slow path never waits long for the lock they
// share. Flows that are installed while a walk is under way were looked up after the change it is
// about, or come later in the walk: either way they are right when it ends.
package reval

import (
	"sync"
	"time"

	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/datapath/version"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
)

var _ = [1]struct{}{}[flow.Version-3]

// What is done under one hold of the lock: piece is the most cache slots looked at, and pieceTime how long that
// goes on, whatever looking flows up again takes. The clock is read every pieceLook slots.
const (
	piece     = 256
	pieceTime = int64(100 * time.Microsecond)
	pieceLook = 16
)

// crowded is how long each packet lets a flow stay without another where room is scarce, and the time between two
// walks for that reason. So however many packets a flood spends on a flow, flows of its port that stand
// around are as many as packets come in this time.
const crowded = 100 * time.Millisecond

// rest is how many times as long as a walk the slow path is left alone after it: walks that a storm of
// new addresses asks for take a fifth of the control plane's time at most.
const rest = 4

// Config is what a Revalidator works on.
type Config struct {
	Flows   *flowcache.Megaflow
	Lists   *flowcache.Lists
	Book    *version.Book                 // of the versions of the rules
	Locked  func(func())                  // the lock over the flow cache: upcall.Handler.Locked
	Tables  func() []rules.Table          // the tables there are
	TableOf func(port uint32) rules.Table // which decides about packets from a port
	Now     func() int64                  // ns, monotonic clock
	MaxIdle time.Duration                 // flows without traffic for longer are removed
}

// An Expirer is a rule table whose rules or addresses age. The revalidator calls Expire before it
// asks what changed; now is on the clock of rules.Query.Now. It returns the number of things that went.
type Expirer interface {
	Expire(now int64) int
}

// A Revalidator walks over the flow cache. Thread-safety: all methods are safe for concurrent use
// unless they say that the lock is held; walks happen one at a time.
//
// A walk costs 31 ns a flow that no change concerns, its traffic credited, and 130 to 140 ns one that is
// looked up again in a table that decides at once: 2.0 and 8.5 ms over 65,536 flows, 32 and 147 ms over
// 1,048,576 (BenchmarkWalk, on an AMD EPYC in a virtual machine of two cores).
type Revalidator struct {
	Config
	counters *counter.Block

	walk    sync.Mutex // one walk at a time; guards what follows
	news    map[rules.Table]*news
	verdict rules.Verdict
	query   rules.Query
	brief   flowcache.Brief
	flow    flowcache.Flow
	ended   int64           // ns, when the last walk did
	took    int64           // ns, how long it was
	asked   rules.ChangeSet // Due's

	// The walk under way: the next slot, the first that was never used, and the time in nanoseconds.
	at, end flowcache.Slot
	now     int64
	tight   bool   // ask's answer
	gather  func() // learn, visitPiece, the cache's Reclaim and its Tight, bound once: a walk allocates nothing
	look    func()
	settle  func()
	reclaim func()
	ask     func()

	ledger  ledger // guarded by the lock over the flow cache, as the next
	leaving []hold // given back when the walk ends
}

// news is what has changed in a table since the walk before.
type news struct {
	version uint64 // known to the walks so far
	rules.ChangeSet
	tags uint64 // of all changes: flows without any of them are not concerned
}

// New returns a revalidator for a cache in which nothing was credited yet.
func New(c Config) *Revalidator {
	r := &Revalidator{
		Config:   c,
		counters: counter.NewBlock(counters()),
		news:     make(map[rules.Table]*news),
	}
	r.ledger = newLedger(r, c.Lists, c.Flows.Cap()+1)
	r.gather, r.look, r.settle = r.learn, r.visitPiece, c.Book.Settle
	r.reclaim = func() {
		r.letGo()
		r.Flows.Reclaim()
	}
	r.ask = func() { r.tight = r.Flows.Tight() }
	return r
}

// Counters returns what the revalidator counts.
func (r *Revalidator) Counters() *counter.Block { return r.counters }

// Installed is upcall.Config.Installed. The lock is held.
func (r *Revalidator) Installed(s flowcache.Slot, t rules.Table) { r.ledger.assign(s, t) }

// Credit tells the table of the flow in slot s of a packet that no worker counts: it is
// upcall.Config.Credit. The lock is held.
func (r *Revalidator) Credit(s flowcache.Slot, size int, now int64) {
	var b flowcache.Brief
	if t := r.ledger.owner(s); t != nil && r.Flows.Brief(s, &b) {
		t.Credit(r.Lists.Get(b.Trail), 1, uint64(size), now)
	}
}

// Retired tells the table of the last packets of a flow that was removed, which workers may have counted
// until they had let go of it, and gives back what its trail named. It is flowcache.Options.Retired. The lock is held.
func (r *Revalidator) Retired(s flowcache.Slot, st flowcache.Stats, trail flowcache.ListID) {
	r.ledger.settle(s, &st, trail)
	if h, ok := rules.As[rules.Holder](r.ledger.owner(s)); ok {
		h.Release(r.Lists.Get(trail))
	}
	r.ledger.close(s)
}

// Walk brings every cached flow into agreement with its rule table as it was when Walk was called,
// credits traffic, and removes idle flows. When it returns no worker uses what it replaced or removed.
func (r *Revalidator) Walk() {
	r.walk.Lock()
	defer r.walk.Unlock()
	r.now = r.Now()
	r.collect(r.now)
	for r.at, r.end = 1, 2; r.at < r.end; {
		r.Locked(r.look)
	}
	r.Locked(r.settle)
	r.Flows.Synchronize()
	r.Locked(r.reclaim)
	r.settled()
	r.ended = r.Now()
	r.took = r.ended - r.now
	r.counters.Add(Walks, 1)
	r.counters.Publish()
}

// settled tells the tables that asked for it that the walk is over.
func (r *Revalidator) settled() {
	for t, n := range r.news {
		if s, ok := rules.As[rules.Settler](t); ok {
			s.Settled(n.version, r.now)
		}
	}
}

// visitPiece deals with the next piece of slots. The end is read under the lock, thus after every
// look-up that began before the change: flows that come behind it later are right.
func (r *Revalidator) visitPiece() {
	r.end = r.Flows.Bound()
	start := r.Now()
	for last := min(r.at+piece, r.end); r.at < last; {
		r.visit(r.at)
		if r.at++; r.at%pieceLook == 0 && r.Now()-start > pieceTime {
			return
		}
	}
}

// Due reports whether there is something to walk for before the regular time: a table has changed since
// the last walk, or room in the cache is scarce and flows may have become idle.
func (r *Revalidator) Due() bool {
	r.walk.Lock()
	defer r.walk.Unlock()
	if r.Locked(r.ask); r.tight && r.Now()-r.ended >= crowded.Nanoseconds() {
		return true
	}
	for _, t := range r.Tables() {
		// From version 0 a table says that everything has changed, which is all it says.
		if n := r.news[t]; n == nil || t.Changes(0, &r.asked) != n.version {
			return true
		}
	}
	return false
}

// Rest returns for how long a walk that can wait should: the longer the last one was, the longer.
func (r *Revalidator) Rest() time.Duration {
	r.walk.Lock()
	defer r.walk.Unlock()
	return time.Duration(max(0, r.ended+rest*r.took-r.Now()))
}

// Forget drops what is remembered of a table that is gone, once a walk has removed its flows.
func (r *Revalidator) Forget(t rules.Table) {
	r.walk.Lock()
	defer r.walk.Unlock()
	delete(r.news, t)
	r.Locked(func() {
		r.ledger.forget(t)
		r.Book.Forget(t)
	})
}

// collect asks every table what has changed since the last walk.
func (r *Revalidator) collect(now int64) {
	for _, t := range r.Tables() {
		if e, ok := rules.As[Expirer](t); ok {
			e.Expire(now)
		}
	}
	r.Locked(r.gather)
}

// learn takes down what has changed in every table, and notes their editions first: the changes that have led to them
// are among those. The lock is held, so that no verdict of a later edition is noted before.
func (r *Revalidator) learn() {
	for _, t := range r.Tables() {
		r.Book.Note(t, rules.EditionOf(t))
		n := r.news[t]
		if n == nil {
			n = new(news)
			r.news[t] = n
		}
		n.Reset()
		n.version = t.Changes(n.version, &n.ChangeSet)
		n.tags = n.Moved.Tags() | n.Sources.Tags()
		for i := range n.Changes {
			n.tags |= n.Changes[i].Tag
		}
	}
	r.Book.Begin()
}

// idle returns how long a flow may be without traffic, in nanoseconds: less where its port is short of room.
func (r *Revalidator) idle(b *flowcache.Brief) int64 {
	limit := r.MaxIdle.Nanoseconds()
	if r.Flows.Pressed(b.Port) {
		packets := int64(min(max(b.Packets, 1), uint64(limit)))
		limit = min(limit, crowded.Nanoseconds()*min(packets, limit/crowded.Nanoseconds()+1))
	}
	return limit
}

// visit deals with the flow in slot s, if there is one.
func (r *Revalidator) visit(s flowcache.Slot) {
	b := &r.brief
	if !r.Flows.Brief(s, b) {
		return
	}
	r.ledger.settle(s, &b.Stats, b.Trail)
	t := r.TableOf(b.Port)
	switch {
	case t == nil:
		r.Flows.Remove(s)
		r.counters.Add(Removed, 1)
	case r.now-b.LastUsed > r.idle(b):
		r.Flows.Remove(s)
		r.counters.Add(Idle, 1)
	case b.Leaves:
		r.Flows.Remove(s)
		r.counters.Add(MaskGone, 1)
	case !r.concerned(s, t, b):
		if settled := r.Book.Settled(); version.Old(version.Number(b.Version), settled) {
			r.Flows.SetVersion(s, uint32(settled))
		}
	case r.check(s, t):
		r.counters.Add(Kept, 1)
	default:
		r.Flows.Remove(s)
		r.counters.Add(Removed, 1)
	}
}

// concerned reports whether the flow in slot s has to be looked up again, and has then read it into
// r.flow. Most flows are passed over without reading more than b.
func (r *Revalidator) concerned(s flowcache.Slot, t rules.Table, b *flowcache.Brief) bool {
	switch n := r.news[t]; {
	case r.ledger.owner(s) != t: // another table's verdict: the bridge has a new one
	case n == nil: // a table newer than this walk: all its flows are, too
		return false
	case n.All:
	case n.tags&b.Tags == 0:
		return false
	default:
		return r.Flows.Flow(s, &r.flow) && affects(&n.ChangeSet, &r.flow)
	}
	return r.Flows.Flow(s, &r.flow)
}

// check looks up again the flow in slot s, which is r.flow, and reports whether it may stay; its
// actions are replaced if the table now says others for the same packets.
func (r *Revalidator) check(s flowcache.Slot, t rules.Table) bool {
	f, v := &r.flow, &r.verdict
	r.query = rules.Query{Key: &f.Key, Now: r.now, Have: &f.Mask}
	failed := false
	upcall.Lookup(t, &r.query, v, func(error) { failed = true })
	if failed || v.NoCache || !covers(&f.Mask, &v.Mask) {
		return false
	}
	actions, err := r.Lists.Intern(v.Actions.Words())
	if err != nil {
		return false
	}
	trail, err := r.Lists.Intern(v.Trail)
	if err != nil {
		r.Lists.Release(actions)
		return false
	}
	number := r.version(t, r.ledger.owner(s) == t && actions == f.Actions)
	r.move(r.ledger.owner(s), t, f.Trail, trail)
	r.ledger.assign(s, t)
	if actions == f.Actions && trail == f.Trail && v.Tags == f.Tags && v.Rewrote == f.Rewrote && number == f.Version {
		r.Lists.Release(actions)
		r.Lists.Release(trail)
		return true
	}
	if actions != f.Actions {
		r.counters.Add(Updated, 1)
	}
	r.Flows.Update(s, actions, trail, v.Tags, v.Rewrote, number)
	return true
}

// version returns the version of a flow that is checked, r.flow, with the verdict that t now has for it. same: it is the
// one that it had.
func (r *Revalidator) version(t rules.Table, same bool) uint32 {
	f, v := &r.flow, &r.verdict
	if f.Key.Uint(flow.FieldRecircID) == 0 && !action.Recirculates(v.Actions.Words()) {
		return 0
	}
	n := r.Book.Since(t, v, &f.Key)
	if same && f.Version != 0 && n.UpTo(r.Book.Walking()) {
		return f.Version // it stood before, and stands in the version that this walk is about
	}
	return uint32(n)
}
