package underlay

import (
	"sync"

	"github.com/culvertdev/culvert/datapath/rules"
)

// versions counts the changes of the table inside, the stack and the table's own as one. Each count only grows, so
// their sum says whether any of them has. Which three a sum was made of is remembered for the latest.
//
// Thread-safety: all methods may be called at the same time.
type versions struct {
	mu    sync.Mutex
	views uint64 // changes of which packets are the underlay's
	known [256]version
	next  int
}

type version struct{ sum, inner, stack, views uint64 }

// everything notes that any flow may be another's now.
func (v *versions) everything() {
	v.mu.Lock()
	v.views++
	v.mu.Unlock()
}

// find returns what a sum was made of; zero if that is forgotten. The lock is held.
func (v *versions) find(sum uint64) version {
	for _, k := range v.known {
		if k.sum == sum {
			return k
		}
	}
	return version{}
}

// Changes implements rules.Table.
func (t *Table) Changes(since uint64, c *rules.ChangeSet) uint64 {
	v := &t.versions
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.find(since)
	now := version{inner: t.inner.Changes(old.inner, c), views: v.views}
	var tags uint64
	tags, now.stack = t.stack.Changes(old.stack)
	now.sum = now.inner + now.stack + now.views
	switch {
	case old.sum == 0 || old.views != now.views:
		c.All = true
	case tags != 0:
		c.Changes = append(c.Changes, rules.Change{Tag: tags})
	}
	if v.find(now.sum).sum == 0 {
		v.known[v.next%len(v.known)] = now
		v.next++
	}
	return now.sum
}

// Settled implements rules.Settler.
func (t *Table) Settled(sum uint64, now int64) {
	s, ok := rules.As[rules.Settler](t.inner)
	if !ok {
		return
	}
	t.versions.mu.Lock()
	made := t.versions.find(sum)
	t.versions.mu.Unlock()
	if made.sum != 0 {
		s.Settled(made.inner, now)
	}
}
