// Package reval keeps the flow cache true: it looks cached flows up again when their rule table has
// changed, hands their traffic back to the table, and removes those nothing uses.
//
// A walk goes over all flows in pieces, so that the slow path never waits long for the lock they
// share. Flows that are installed while a walk is under way were looked up after the change it is
// about, or come later in the walk: either way they are right when it ends.
package reval

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/counter"
)

var _ = [1]struct{}{}[flow.Version-1]

// piece is the number of cache slots looked at under one hold of the lock.
const piece = 256 // slots; at most some 0.3 ms when each has to be looked up again

// crowded is the idle time from which flows are removed when the cache is nearly full.
const crowded = 100 * time.Millisecond

// Config is what a Revalidator works on.
type Config struct {
	Flows   *flowcache.Megaflow
	Lists   *flowcache.Lists
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

// A Revalidator walks over the flow cache. Thread-safety: all methods are safe for concurrent use;
// walks happen one at a time.
type Revalidator struct {
	Config
	counters *counter.Block

	walk     sync.Mutex // one walk at a time; guards what follows
	versions map[rules.Table]uint64
	changes  map[rules.Table]*rules.ChangeSet
	verdict  rules.Verdict
	query    rules.Query
	flow     flowcache.Flow

	credited []credit // per slot; guarded by the lock over the flow cache
}

// credit is how much of a flow's traffic its table knows about.
type credit struct {
	packets, bytes uint64
	table          rules.Table
}

// New returns a revalidator for a cache in which nothing was credited yet.
func New(c Config) *Revalidator {
	return &Revalidator{
		Config:   c,
		counters: counter.NewBlock(counters()),
		versions: make(map[rules.Table]uint64),
		changes:  make(map[rules.Table]*rules.ChangeSet),
		credited: make([]credit, c.Flows.Cap()+1),
	}
}

// Counters returns what the revalidator counts.
func (r *Revalidator) Counters() *counter.Block { return r.counters }

// Walk brings every cached flow into agreement with its rule table as it was when Walk was called,
// credits traffic, and removes idle flows. When it returns no worker uses what it replaced or removed.
func (r *Revalidator) Walk() {
	r.walk.Lock()
	defer r.walk.Unlock()
	now := r.Now()
	r.collect(now)
	idle := r.idleLimit()
	for s := flowcache.Slot(1); int(s) <= r.Flows.Cap(); s += piece {
		r.Locked(func() {
			for i := s; i < s+piece && int(i) <= r.Flows.Cap(); i++ {
				r.visit(i, now, idle)
			}
		})
	}
	r.Flows.Synchronize()
	r.Locked(func() { r.Flows.Reclaim() })
	r.counters.Add(Walks, 1)
	r.counters.Publish()
}

// Changed reports whether any table has changed since the last walk.
func (r *Revalidator) Changed() bool {
	r.walk.Lock()
	defer r.walk.Unlock()
	var c rules.ChangeSet
	for _, t := range r.Tables() {
		if v, known := r.versions[t]; !known || t.Changes(v, &c) != v {
			return true
		}
	}
	return false
}

// Forget drops what is remembered of a table that is gone.
func (r *Revalidator) Forget(t rules.Table) {
	r.walk.Lock()
	defer r.walk.Unlock()
	delete(r.versions, t)
	delete(r.changes, t)
}

// collect asks every table what has changed since the last walk.
func (r *Revalidator) collect(now int64) {
	for _, t := range r.Tables() {
		if e, ok := t.(Expirer); ok {
			e.Expire(now)
		}
		c := r.changes[t]
		if c == nil {
			c = new(rules.ChangeSet)
			r.changes[t] = c
		}
		c.All, c.Changes = false, c.Changes[:0]
		r.versions[t] = t.Changes(r.versions[t], c)
	}
}

// idleLimit returns how long a flow may be idle: less when the cache is more than nine tenths full.
func (r *Revalidator) idleLimit() int64 {
	limit := r.MaxIdle
	if 10*r.Flows.Len() > 9*r.Flows.Cap() {
		limit = min(limit, crowded)
	}
	return limit.Nanoseconds()
}

// visit deals with the flow in slot s, if there is one.
func (r *Revalidator) visit(s flowcache.Slot, now, idle int64) {
	f := &r.flow
	if !r.Flows.Flow(s, f) {
		return
	}
	t := r.TableOf(binary.BigEndian.Uint32(f.Key[flow.Base][flow.OffInPort:]))
	used := r.credit(s, f, t)
	switch {
	case t == nil || now-used > idle:
		r.Flows.Remove(s)
		r.counters.Add(Idle, 1)
	case r.changes[t] == nil || !affects(r.changes[t], f):
	case r.check(s, f, t, now):
		r.counters.Add(Kept, 1)
	default:
		r.Flows.Remove(s)
		r.counters.Add(Removed, 1)
	}
}

// credit tells the table of a flow's traffic since the last time and returns when the flow was last
// used, or installed if it never was.
func (r *Revalidator) credit(s flowcache.Slot, f *flowcache.Flow, t rules.Table) int64 {
	c, st := &r.credited[s], r.Flows.Stats(s)
	c.table = t
	if t != nil && st.Packets != c.packets {
		t.Credit(r.Lists.Get(f.Trail), st.Packets-c.packets, st.Bytes-c.bytes, st.LastUsed)
	}
	c.packets, c.bytes = st.Packets, st.Bytes
	return st.LastUsed
}

// check looks the flow up again and reports whether it may stay; its actions are replaced if the
// table now says others for the same packets.
func (r *Revalidator) check(s flowcache.Slot, f *flowcache.Flow, t rules.Table, now int64) bool {
	v := &r.verdict
	key := f.Key
	r.query = rules.Query{Key: &key, Now: now}
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
	if actions == f.Actions && trail == f.Trail && v.Tags == f.Tags && v.Rewrote == f.Rewrote {
		r.Lists.Release(actions)
		r.Lists.Release(trail)
		return true
	}
	if actions != f.Actions {
		r.counters.Add(Updated, 1)
	}
	r.Flows.Update(s, actions, trail, v.Tags, v.Rewrote)
	return true
}

// Retired tells the table of the last packets of a flow that was removed: workers may have counted
// some until they had let go of it. It is flowcache.Options.Retired.
func (r *Revalidator) Retired(s flowcache.Slot, st flowcache.Stats, trail flowcache.ListID) {
	c := &r.credited[s]
	if c.table != nil && st.Packets != c.packets {
		c.table.Credit(r.Lists.Get(trail), st.Packets-c.packets, st.Bytes-c.bytes, st.LastUsed)
	}
	*c = credit{}
}
