package version

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A Book knows which edition of its rules every table had in each version. The zero value is empty.
//
// Thread-safety: Settled is for any goroutine; all else is guarded by the lock over the flow cache.
type Book struct {
	settled atomic.Uint32
	latest  Number
	walking Number // what the walk under way is about
	tables  map[rules.Table]*history
}

// marksKept is how many editions of a table are remembered. Packets that have waited for longer than that are asked
// more about.
const marksKept = 64

// A mark says from which number on a table has an edition.
type mark struct {
	number  Number
	edition uint64
}

// A history is one table's.
type history struct {
	base  mark // in the settled version; no number: the table is newer
	next  mark // in the version that the walk under way is about
	marks [marksKept]mark
	n     uint64 // marks ever made
}

func (h *history) last() mark {
	if h.n == 0 {
		return mark{}
	}
	return h.marks[(h.n-1)%marksKept]
}

// Settled returns the version that all flows in the cache stand in, but for those with a later number.
func (b *Book) Settled() Number { return Number(b.settled.Load()) }

// Note says that t has this edition now and returns the number that names it.
func (b *Book) Note(t rules.Table, edition uint64) Number { return b.note(t, edition).last().number }

func (b *Book) note(t rules.Table, edition uint64) *history {
	h := b.tables[t]
	if h == nil {
		if b.tables == nil {
			b.tables = make(map[rules.Table]*history)
		}
		h = new(history)
		b.tables[t] = h
	}
	if h.n == 0 || edition > h.last().edition {
		if b.latest++; b.latest == 0 {
			b.latest++
		}
		h.marks[h.n%marksKept] = mark{b.latest, edition}
		h.n++
	}
	return h
}

// Edition returns the edition that t had in version n; ok is false where that is not known, or t was not there.
func (b *Book) Edition(t rules.Table, n Number) (edition uint64, ok bool) {
	h := b.tables[t]
	if h == nil {
		return 0, false
	}
	for i := h.n; i > 0 && i+marksKept > h.n; i-- {
		if m := h.marks[(i-1)%marksKept]; m.number.UpTo(n) {
			return m.edition, true
		}
	}
	return h.base.edition, h.base.number != 0 && n == b.Settled()
}

// Since returns from which number on v, which t has just said about key, stands without a break. It is a settled one if
// no edition that came later concerns the verdict.
func (b *Book) Since(t rules.Table, v *rules.Verdict, key *flow.Key) Number {
	h := b.note(t, v.Edition)
	for _, m := range [...]mark{h.base, h.next} {
		if m.number != 0 && !revised(t, m.edition, v, key) {
			return m.number
		}
	}
	return h.last().number
}

// revised reports whether an edition of t later than since concerns v.
func revised(t rules.Table, since uint64, v *rules.Verdict, key *flow.Key) bool {
	if v.Edition <= since {
		return false
	}
	e, ok := rules.As[rules.Edited](t)
	return !ok || e.Revised(since, v, key)
}

// Stood reports whether v, which t has just said about key, would have been said in version n as well.
func (b *Book) Stood(t rules.Table, n Number, v *rules.Verdict, key *flow.Key) bool {
	edition, ok := b.Edition(t, n)
	return ok && !revised(t, edition, v, key)
}

// Begin says that a walk begins. All tables have been noted under the same hold of the lock.
func (b *Book) Begin() {
	b.walking = b.latest
	for _, h := range b.tables {
		h.next = h.last()
	}
}

// Walking returns the version that the walk under way is about.
func (b *Book) Walking() Number { return b.walking }

// Settle says that the walk has been over all flows.
func (b *Book) Settle() {
	for _, h := range b.tables {
		h.base = h.next
	}
	b.settled.Store(uint32(b.walking))
}

// Forget drops what is remembered of a table.
func (b *Book) Forget(t rules.Table) { delete(b.tables, t) }
