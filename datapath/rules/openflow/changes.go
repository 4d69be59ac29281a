package openflow

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// changesKept is how many changes of rules and ports a table remembers. Whoever asks for more has to look
// at every flow, which costs about as much as comparing each flow with a thousand changes.
const changesKept = 1024

// A change is one of rules or ports: of the flows that match tells, or of all with the tag.
type change struct {
	version uint64 // as callers know it: those below have not heard of the change
	tag     uint64
	match   *flow.Match
	edits   bool // it is part of a step that makes another edition
}

// A changeLog remembers the latest changes. Versions count from 1, so that 0 is "never asked".
//
// Addresses that were learned, moved or forgotten are not remembered one by one: a flood of them must
// take neither memory nor the log's room for rules. They are in one of two sets, by whether they
// changed before or after the last question. There is one revalidator to ask; whoever else does may hear
// of addresses again, or that everything has changed. Of changes in who listens to a multicast group the first
// listensKept since the last question are remembered; what comes behind them is one change, of all groups.
//
// Thread-safety: all methods may be called at the same time.
type changeLog struct {
	mu      sync.Mutex
	version uint64        // changes so far
	count   atomic.Uint64 // the same, for who does not want to wait
	others  atomic.Uint64 // those of anything but addresses, for the same
	ring    [changesKept]change
	kept    uint64     // changes ever put in the ring
	lost    uint64     // version of the last that another took the place of
	edited  [64]uint64 // by tag, the same of those that were part of an edition
	moved   [2]movedSince
	crowd   change // the last of those that concern all multicast groups
	listens int    // changes of who listens to a group since the last question
}

// movedSince is the addresses that have changed since a version: as destinations, and as sources where verdicts may
// depend on these.
type movedSince struct {
	version uint64
	rules.Addresses
	sources rules.Addresses
}

func (m *movedSince) reset(version uint64) {
	m.version = version
	m.Reset()
	m.sources.Reset()
}

// next makes it the next version. l.mu is held.
func (l *changeLog) next() {
	l.version++
	l.count.Store(l.version)
}

func (l *changeLog) add(c change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(c)
}

func (l *changeLog) put(c change) {
	l.next()
	l.others.Add(1)
	c.version = l.version + 1
	at := &l.ring[l.kept%changesKept]
	l.lost = at.version
	if at.edits {
		for tags := at.tag; tags != 0; tags &= tags - 1 {
			l.edited[bits.TrailingZeros64(tags)] = at.version
		}
	}
	*at = c
	l.kept++
}

// listensKept leaves most of the ring to rules and ports.
const listensKept = changesKept / 8

// addListens adds a change of who listens to a group, and reports false where that should be one of all groups.
func (l *changeLog) addListens(c change) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listens == listensKept {
		return false
	}
	l.listens++
	l.put(c)
	return true
}

// addCrowd adds a change of who listens to any group.
func (l *changeLog) addCrowd(tag uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next()
	l.others.Add(1)
	l.crowd = change{version: l.version + 1, tag: tag}
}

// addAddress adds an address of which verdicts with the tag depend; source is that of those for packets from there, 0
// if there are none.
func (l *changeLog) addAddress(key fdb.Key, tag, source uint64) {
	l.mu.Lock()
	l.next()
	l.moved[0].Add(key.MAC(), tag)
	if source != 0 {
		l.moved[0].sources.Add(key.MAC(), source)
	}
	l.mu.Unlock()
}

// now returns the version now, as since does.
func (l *changeLog) now() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.version + 1
}

// since adds the changes after version v to c and returns the version now.
func (l *changeLog) since(v uint64, c *rules.ChangeSet) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.version + 1
	if v == 0 || v > now || !l.addSince(v, c) {
		c.All = true
	}
	if v != 0 { // a question, not only one for the version
		l.moved[0], l.moved[1] = l.moved[1], l.moved[0]
		l.moved[0].reset(now)
		l.listens = 0
	}
	return now
}

// addSince adds the changes after version v to c. It reports false when it does not know them all.
func (l *changeLog) addSince(v uint64, c *rules.ChangeSet) bool {
	if l.lost > v || l.moved[1].version > v {
		return false
	}
	first := l.kept
	for first+changesKept > l.kept && first > 0 && l.ring[(first-1)%changesKept].version > v {
		first--
	}
	for i := first; i < l.kept; i++ {
		e := &l.ring[i%changesKept]
		c.Changes = append(c.Changes, rules.Change{Tag: e.tag, Match: e.match})
	}
	if l.crowd.version > v {
		c.Changes = append(c.Changes, rules.Change{Tag: l.crowd.tag})
	}
	for i := range l.moved {
		c.Moved.Merge(&l.moved[i].Addresses)
		c.Sources.Merge(&l.moved[i].sources)
		if l.moved[i].version <= v {
			break
		}
	}
	return true
}

// Version counts the changes of rules, ports and learned addresses.
func (t *Table) Version() uint64 { return t.log.count.Load() }

// Changes implements rules.Table.
func (t *Table) Changes(since uint64, c *rules.ChangeSet) uint64 { return t.log.since(since, c) }

// ruleChanged logs that r was added, removed or modified, as part of an edition or not. The caller holds the write lock.
func (t *Table) ruleChanged(r *rule, edits bool) {
	t.log.add(change{tag: t.tableTag(r.Table), match: t.ports.datapathMatch(&r.Match), edits: edits})
}

// addressChanged logs that key was learned, moved or forgotten: flows to it may go elsewhere now.
func (t *Table) addressChanged(key fdb.Key) {
	source := uint64(0)
	if t.sourcesCount.Load() {
		source = t.sourceTag(key)
	}
	t.log.addAddress(key, t.addressTag(key), source)
}

// learned logs what learning has changed.
func (t *Table) learned(key fdb.Key, r fdb.Result) {
	if r.New || r.Moved {
		t.addressChanged(key)
	}
	if r.Evicted {
		t.addressChanged(r.Victim)
	}
}

// Tags of rules.Verdict: one of 64 for each table, each address, each port by number, for the set of
// ports, and for that of flood VLANs. The salt makes that different bridges, and runs, have different collisions.
func (t *Table) addressTag(key fdb.Key) uint64 { return t.tag(uint64(key)) }
func (t *Table) sourceTag(key fdb.Key) uint64  { return t.tag(1<<61 | uint64(key)) }
func (t *Table) tableTag(table uint8) uint64   { return t.tag(1<<62 | uint64(table)) }
func (t *Table) portTag(number uint32) uint64  { return t.tag(2<<62 | uint64(number)) }
func (t *Table) groupTag(id uint32) uint64     { return t.tag(2<<62 | 1<<32 | uint64(id)) }
func (t *Table) meterTag(id uint32) uint64     { return t.tag(2<<62 | 1<<33 | uint64(id)) }
func (t *Table) portsTag() uint64              { return t.tag(3 << 62) }
func (t *Table) floodVLANsTag() uint64         { return t.tag(3<<62 | 1) }

func (t *Table) tag(v uint64) uint64 {
	// The upper bits of a product depend on all lower ones of its factors (Knuth, The Art of Computer
	// Programming, 6.4); the fold before brings the upper ones of v down.
	v ^= t.salt
	v ^= v >> 32
	return 1 << (v * 0x9e3779b97f4a7c15 >> 58)
}
