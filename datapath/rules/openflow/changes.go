package openflow

import (
	"sync"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/fdb"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// changesKept is how many changes a table remembers. Whoever asks for more has to look at every flow,
// which costs about as much as comparing each flow with a thousand changes.
const changesKept = 1024

// A change is one entry of the log: of an address, or of what match tells.
type change struct {
	tag     uint64
	match   *flow.Match
	address bool
	key     fdb.Key
}

// A changeLog remembers the latest changes. Change i, counted from 1, takes the log from version i to
// version i+1.
//
// Thread-safety: all methods may be called at the same time. The log of a learned address needs no
// memory: a flood of new addresses must not make garbage.
type changeLog struct {
	mu      sync.Mutex
	version uint64 // of the last change; 0: none yet
	ring    [changesKept]change
}

func (l *changeLog) add(c change) {
	l.mu.Lock()
	l.version++
	l.ring[l.version%changesKept] = c
	l.mu.Unlock()
}

// since adds the changes after version v to c and returns the version now. Versions that callers see
// are one more than the log's, since theirs start with 0 for "never asked".
func (l *changeLog) since(v uint64, c *rules.ChangeSet) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.version + 1
	if v == 0 || v > now || now-v > changesKept {
		c.All = true
		return now
	}
	for ; v < now; v++ {
		e := &l.ring[v%changesKept]
		out := rules.Change{Tag: e.tag, Match: e.match}
		if e.address {
			out.Match = c.NewMatch()
			mac := e.key.MAC()
			out.Match.SetBytesMasked(flow.FieldEthDst, mac[:], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		}
		c.Changes = append(c.Changes, out)
	}
	return now
}

// Changes implements rules.Table.
func (t *Table) Changes(since uint64, c *rules.ChangeSet) uint64 { return t.log.since(since, c) }

// ruleChanged logs that r was added, removed or modified. The caller holds the write lock.
func (t *Table) ruleChanged(r *rule) {
	t.log.add(change{tag: t.tableTag(r.Table), match: t.ports.datapathMatch(&r.Match)})
}

// addressChanged logs that key was learned, moved or forgotten: flows to it may go elsewhere now.
func (t *Table) addressChanged(key fdb.Key) {
	t.log.add(change{tag: t.addressTag(key), address: true, key: key})
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

// Tags of rules.Verdict: one of 64 for each table, each address, each port by number, and for the set of
// ports. The salt makes that different bridges, and runs, have different collisions.
func (t *Table) addressTag(key fdb.Key) uint64 { return t.tag(uint64(key)) }
func (t *Table) tableTag(table uint8) uint64   { return t.tag(1<<62 | uint64(table)) }
func (t *Table) portTag(number uint32) uint64  { return t.tag(2<<62 | uint64(number)) }
func (t *Table) portsTag() uint64              { return t.tag(3 << 62) }

func (t *Table) tag(v uint64) uint64 {
	// The upper bits of a product depend on all lower ones of its factors (Knuth, The Art of Computer
	// Programming, 6.4); the fold before brings the upper ones of v down.
	v ^= t.salt
	v ^= v >> 32
	return 1 << (v * 0x9e3779b97f4a7c15 >> 58)
}
