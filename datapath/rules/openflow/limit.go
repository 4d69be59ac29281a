package openflow

import (
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A Limit bounds the flows of one OpenFlow table (ovs-vswitchd.conf.db(5), "Flow_Table TABLE"). The zero
// value does not.
type Limit struct {
	Flows int  // the most there may be; 0: any number
	Evict bool // a new flow takes the place of another one, instead of being refused (overflow_policy)
	// Groups are fields, or parts of them, by whose values flows are grouped: what is evicted is of the
	// largest group, so that one user of a table cannot displace the others.
	Groups []flow.Subfield
}

// limits are the limits of all tables.
type limits [NoTable]*limit

// A limit is a Limit at work. Only flows with a timeout can be evicted.
type limit struct {
	Limit
	groups map[string]*schedule // rules by the values of the group fields
	key    []byte               // scratch
}

// SetLimits bounds tables, by number, and lets all others have any number of flows. Flows that are there
// already go until the limits are kept, as far as they can be evicted. On an error it changes nothing.
func (t *Table) SetLimits(list map[uint8]Limit) error {
	for table, l := range list {
		if table == NoTable || l.Flows < 0 {
			return fmt.Errorf("limit of table %d: want a table of 0 to %d and 0 or more flows, found %d", table, NoTable-1, l.Flows)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	x := tx{t: t, now: t.clock()}
	t.limits = limits{}
	for table, l := range list {
		if l.Flows > 0 {
			x.bound(table, l)
		}
	}
	x.done()
	return nil
}

// bound gives a table a limit.
func (x *tx) bound(table uint8, l Limit) {
	t := x.t
	t.limits[table] = &limit{Limit: l, groups: make(map[string]*schedule)}
	if t.tables[table] == nil {
		return
	}
	for _, r := range t.selected(&Filter{Table: table}) {
		if r.timed() {
			t.limits.enter(r)
		}
	}
	for l.Evict && t.tables[table].Len() > l.Flows && x.evict(table) {
	}
}

// makeRoom sees to it that a table takes one more flow.
func (x *tx) makeRoom(table uint8) error {
	l := x.t.limits[table]
	if l == nil || x.t.tables[table].Len() < l.Flows || l.Evict && x.evict(table) {
		return nil
	}
	return ErrTableFull
}

// evict removes a flow of the largest group: of the lowest importance, and among those the one that would
// go first. It reports false if none can go.
func (x *tx) evict(table uint8) bool {
	var largest *schedule
	var of string
	for key, g := range x.t.limits[table].groups {
		if largest == nil || g.len() > largest.len() || g.len() == largest.len() && strings.Compare(key, of) < 0 {
			largest, of = g, key
		}
	}
	if largest == nil {
		return false
	}
	for {
		r, at := largest.first()
		if now := r.deadline(); now != at {
			largest.move(r, now)
			continue
		}
		x.remove(r, RemovedByEviction)
		return true
	}
}

// enter makes a rule one that can be evicted, where its table has a limit.
func (l *limits) enter(r *rule) {
	if t := l[r.Table]; t != nil {
		g := t.groups[string(t.group(r))]
		if g == nil {
			g = &schedule{which: byEviction}
			t.groups[string(t.key)] = g
		}
		g.pushRanked(r, r.Importance, r.deadline())
	}
}

// leave is the reverse of enter.
func (l *limits) leave(r *rule) {
	if t := l[r.Table]; t != nil {
		g := t.groups[string(t.group(r))]
		if g.remove(r); g.len() == 0 {
			delete(t.groups, string(t.key))
		}
	}
}

// group returns the values of a rule's group fields. They are valid until the next call.
func (l *limit) group(r *rule) []byte {
	l.key = l.key[:0]
	for _, part := range l.Groups {
		var value [16]byte
		src := r.Match.Key.Bytes(part.Field)
		copyBits(value[:], 0, src, place(part), int(part.Bits))
		l.key = append(l.key, value[:]...)
	}
	return l.key
}
