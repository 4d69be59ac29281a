package reval

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache"
)

// A hold is a trail of a flow that has another one now: workers may still run the program that went with
// it, until the walk has waited for them.
type hold struct {
	table rules.Holder
	trail flowcache.ListID // with a reference
}

// move has the table of a flow that is checked keep what the new trail names, if that is another or the
// table is, and gives back what the old one named once no worker uses it. The lock is held.
func (r *Revalidator) move(from, to rules.Table, old, trail flowcache.ListID) {
	if from == to && old == trail {
		return
	}
	if h, ok := rules.As[rules.Holder](to); ok {
		h.Hold(r.Lists.Get(trail))
	}
	if h, ok := rules.As[rules.Holder](from); ok {
		r.Lists.Retain(old)
		r.leaving = append(r.leaving, hold{h, old})
	}
}

// letGo gives back what flows no longer name since this walk began. The lock is held, and every worker has
// been waited for.
func (r *Revalidator) letGo() {
	for _, h := range r.leaving {
		h.table.Release(r.Lists.Get(h.trail))
		r.Lists.Release(h.trail)
	}
	clear(r.leaving)
	r.leaving = r.leaving[:0]
}
