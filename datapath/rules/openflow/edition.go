package openflow

import (
	"math/bits"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ rules.Edited = (*Table)(nil)

// Edition implements rules.Edited. Whatever the user changes of flows and groups with one call makes one: Apply, Transact,
// ReplaceFlows, AddGroups and the like. What learn does and what times out makes none.
func (t *Table) Edition() uint64 { return t.edition.Load() }

// newEdition says that the rules have changed, all of a step being in the log. The caller holds the write lock.
func (t *Table) newEdition() { t.edition.Store(t.log.now()) }

// expects returns rules.ErrEdition if a look-up is wanted by another edition than this. The caller holds a lock, so
// that it stays so.
func (t *Table) expects(q *rules.Query) error {
	if q.Edition != 0 && q.Edition != t.edition.Load() {
		return rules.ErrEdition
	}
	return nil
}

// Revised implements rules.Edited.
func (t *Table) Revised(since uint64, v *rules.Verdict, key *flow.Key) bool {
	return t.log.revised(since, v, key)
}

// revised reports whether an edition later than version since concerns a verdict. Of changes that are forgotten it
// knows the tags alone.
func (l *changeLog) revised(since uint64, v *rules.Verdict, key *flow.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := l.kept; i > 0 && i+changesKept > l.kept; i-- {
		e := &l.ring[(i-1)%changesKept]
		if e.version <= since {
			return false // and so are those before
		}
		c := rules.Change{Tag: e.tag, Match: e.match}
		if e.edits && c.Concerns(v.Tags, key, &v.Mask, v.Rewrote) {
			return true
		}
	}
	for tags := v.Tags; tags != 0; tags &= tags - 1 {
		if l.edited[bits.TrailingZeros64(tags)] > since {
			return true
		}
	}
	return false
}
