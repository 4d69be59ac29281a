package openflow

import (
	"slices"
	"sync"
	"time"

	"github.com/culvertdev/culvert/datapath/rules/openflow/classifier"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Packets of new flows mostly meet the same rules as those before them: what differs are values that rules do not
// match, and moved into registers perhaps. A translation is therefore written down as a path, and who comes
// after it follows: the look-ups take place again, each in what the working key then is, and consult what they
// have to; what rules found do in between is known.
//
// That is as honest as the translation. An action that looks at a bit of the packet consults it, for the verdict's
// mask; the path has the value of all such bits as a guard, and who differs in one does not follow. Bits that were
// moved are consulted, and moved again. An action that does more than that makes no path: see repeats.

// Bounds of what is kept.
const (
	maxPaths   = 512 // kept, and written down in a second: it makes garbage
	maxForks   = 8   // stretches behind one rule, which differ in their guards
	pathsEvery = int64(time.Second)
)

// paths are the translations of a table that can be followed, as trees of stretches.
//
// Thread-safety: guarded by mu. Who finds it taken does without.
type paths struct {
	mu      sync.Mutex
	version uint64 // of the change log
	ports   *ports
	first   map[uint32]*stretch // by datapath port, as behind a rule
	n       int                 // written down since the last refill
	refill  int64               // ns: when n is 0 again

	rec   recorder
	at    xlate  // who follows
	wrote uint16 // blocks of which it has written bits
}

// A stretch is what happens from one look-up to the next one, or to the end.
type stretch struct {
	guard   []wordBits // what actions looked at, of the packet's own key
	values  []wordBits // what they saw of bits that look-ups and moves had consulted
	needs   []wordBits // those of them that look-ups must have consulted until then
	lacks   []wordBits // bits that nobody must have consulted until then
	moves   []moved    // of the packet's own bits to the working key, done before sets
	sets    []wordBits // of the working key
	written []blockBits

	in   *classifier.Classifier[*rule] // what the packet is looked up in then; nil: the path ends, here or nowhere
	next map[*rule]*stretch            // by the rule found, nil's too
	alt  *stretch                      // another behind the same rule, for other packets
	end  *ending                       // nil at the end: it cannot be followed
}

// wordBits are some bits of a word of a key.
type wordBits struct {
	idx         int
	bits, value uint64
}

// blockBits are the bits of a block that are no longer the packet's own.
type blockBits struct {
	b    int
	bits flow.Block
}

// moved is a Move in terms of bytes.
type moved struct {
	src, dst flow.FieldID
	from, to int
	ones     uint64
}

// An ending is what a verdict has beside its mask.
type ending struct {
	words, trail  []uint64
	tags, rewrote uint64
}

// current makes the paths those of the table as it is now.
func (p *paths) current(t *Table) {
	if v := t.log.others.Load(); p.first == nil || p.version != v || p.ports != t.ports {
		p.version, p.ports, p.first = v, t.ports, make(map[uint32]*stretch)
	}
}

// mayRecord reports whether another path may be written down.
func (p *paths) mayRecord(now int64) bool {
	if now >= p.refill {
		if p.n >= maxPaths { // others than these are asked for
			p.first = make(map[uint32]*stretch)
		}
		p.n, p.refill = 0, now+pathsEvery
	}
	return p.n < maxPaths
}

// keep adds a path: the stretches in order, and the rules found at the end of each but the last.
func (p *paths) keep(port uint32, path []*stretch, found []*rule) {
	p.n++
	var at *stretch
	p.first[port], at = among(p.first[port], path[0])
	for i, r := range found {
		if at == nil || at.in == nil {
			return // no room, or known to lead nowhere
		}
		at.next[r], at = among(at.next[r], path[i+1])
	}
}

// among returns the stretch of a list that is for the same packets as s. If there is none, it puts s in front,
// unless the list is as long as it may be: then it returns nil.
func among(list, s *stretch) (head, same *stretch) {
	n := 0
	for o := list; o != nil; o = o.alt {
		if o.sameGuard(s) {
			return list, o
		}
		n++
	}
	if n == maxForks {
		return list, nil
	}
	s.alt = list
	return s, s
}

// sameGuard reports whether those who fit one stretch fit the other.
func (s *stretch) sameGuard(o *stretch) bool {
	return slices.Equal(s.guard, o.guard) && slices.Equal(s.values, o.values) && slices.Equal(s.needs, o.needs) && slices.Equal(s.lacks, o.lacks)
}
