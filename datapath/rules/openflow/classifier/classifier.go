// Package classifier finds the rule of highest priority that matches a flow key: one OpenFlow table.
//
// It is a tuple space search (Srinivasan, Suri and Varghese, SIGCOMM 1999): rules with the same mask
// form a subtable, a hash table of masked keys, and subtables are tried in the order of the highest
// priority they hold until none can hold a better rule.
//
// A look-up reports the bits it consulted, which are what makes its answer valid for other keys. Few
// bits are wide megaflows, so a subtable in which nothing matches is left with as little as shows it:
//
//   - A subtable is tried in stages: what exists beside the packet, layer 2, layer 3, ports. When no
//     rule agrees with the key up to a stage, later stages are not consulted.
//   - Prefix tries over all rules' addresses tell which prefix lengths match an address at all, and
//     after how many of its bits that is clear. A subtable whose length is not among them is left with
//     those bits alone.
//   - A trie over a subtable's ports does the same for ports.
//
// OVS does the same (lib/classifier.h, "Staged Lookup" and "Prefix Tracking"); where an address shows
// that a subtable has no match, OVS adds the earlier stages' bits too, which nothing rests on.
//
// There may be several reasons why a subtable has no match, and keys that agree in the bits consulted may
// meet another one first. Whoever looks a cached flow up again says which bits that flow has: reasons
// within them come before others, so that an unchanged classifier consults nothing beside them.
//
// It knows nothing about actions.
//
// Thread-safety: look-ups may run at the same time as each other, not at the same time as changes.
package classifier

import (
	"slices"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// A Rule is one entry of a classifier, with the caller's value.
type Rule[V any] struct {
	Match    *flow.Match // does not change while the rule is in a classifier
	Priority uint16
	Value    V
	// Conjunctions, when there are any, say that the rule is found only as part of conjunctive matches.
	// They do not change while the rule is in a classifier.
	Conjunctions []Conjunction

	want []uint64 // words of the match's key where the subtable's mask is not zero
	hash uint64
	next *Rule[V] // same hash, priority not higher
}

// A Classifier is one table. New makes one.
type Classifier[V any] struct {
	seed     uint64
	byMask   map[flow.Mask]*subtable[V]
	order    []*subtable[V] // by the highest priority in them, highest first
	prefixes [tracked]trie  // of all rules' addresses
	blocks   uint16         // of the masks there are, or were
	count    int
	soft     int // rules with conjunctions
}

// New returns an empty classifier. seed keys its hashes.
func New[V any](seed uint64) *Classifier[V] {
	return &Classifier[V]{seed: seed | 1, byMask: make(map[flow.Mask]*subtable[V]), blocks: 1 << flow.Base}
}

// Blocks returns the blocks of a key that a look-up may consult, bit i for block i.
func (c *Classifier[V]) Blocks() uint16 { return c.blocks }

// Len returns the number of rules.
func (c *Classifier[V]) Len() int { return c.count }

// Masks returns the number of different masks.
func (c *Classifier[V]) Masks() int { return len(c.order) }

// Lookup returns the rule of highest priority that matches key, nil if none does, and adds the bits it
// consulted to mask. Among rules of the same priority it returns any one of them, the same one for all
// keys that agree in the bits consulted. Bits in free, which may be nil, cost the caller nothing. It may
// change conj_id in key, and restores it.
func (c *Classifier[V]) Lookup(key *flow.Key, free, mask *flow.Mask) *Rule[V] {
	var best *Rule[V]
	at := search{key: key, free: free, mask: mask, seed: c.seed, prefixes: &c.prefixes}
	if c.soft > 0 {
		return c.conjunctive(&at)
	}
	for _, s := range c.order {
		if best != nil && best.Priority >= s.maxPriority() {
			break
		}
		if r := s.lookup(&at); r != nil && (best == nil || r.Priority > best.Priority) {
			best = r
		}
	}
	return best
}

// Find returns the rule with exactly this match and priority, nil if there is none.
func (c *Classifier[V]) Find(m *flow.Match, priority uint16) *Rule[V] {
	s := c.byMask[m.Mask]
	if s == nil {
		return nil
	}
	return s.find(&m.Key, priority, c.seed)
}

// Insert adds a rule. There must be none with the same match and priority; see Find.
func (c *Classifier[V]) Insert(r *Rule[V]) {
	s := c.byMask[r.Match.Mask]
	if s == nil {
		s = newSubtable[V](&r.Match.Mask)
		c.byMask[r.Match.Mask] = s
		c.order = append(c.order, s)
		c.blocks |= r.Match.Mask.Blocks()
	}
	s.insert(r, c.seed)
	c.settle(s)
	for i, n := range s.prefix {
		if n > 0 {
			c.prefixes[i].insert(prefixFields[i].load(&r.Match.Key).first(n), n)
		}
	}
	c.count++
	if r.Conjunctions != nil {
		c.soft++
	}
}

// Remove takes out a rule that is in the classifier.
func (c *Classifier[V]) Remove(r *Rule[V]) {
	s := c.byMask[r.Match.Mask]
	s.remove(r, c.seed)
	c.count--
	if r.Conjunctions != nil {
		c.soft--
	}
	for i, n := range s.prefix {
		if n > 0 {
			c.prefixes[i].remove(prefixFields[i].load(&r.Match.Key).first(n), n)
		}
	}
	if s.count == 0 {
		delete(c.byMask, r.Match.Mask)
		i := slices.Index(c.order, s)
		c.order = slices.Delete(c.order, i, i+1)
		return
	}
	c.settle(s)
}

// settle moves s to where its highest priority belongs, behind others of the same one. A place or two
// is the common case: priorities come in order.
func (c *Classifier[V]) settle(s *subtable[V]) {
	if s.maxPriority() == s.ordered {
		return
	}
	up := s.maxPriority() > s.ordered
	s.ordered = s.maxPriority()
	i := slices.Index(c.order, s)
	for up && i > 0 && c.order[i-1].ordered < s.ordered {
		c.order[i] = c.order[i-1]
		i--
	}
	for !up && i+1 < len(c.order) && c.order[i+1].ordered > s.ordered {
		c.order[i] = c.order[i+1]
		i++
	}
	c.order[i] = s
}

// All calls yield for every rule, in no particular order, until it returns false. yield must not change
// the classifier.
func (c *Classifier[V]) All(yield func(*Rule[V]) bool) {
	for _, s := range c.order {
		for _, r := range s.rules {
			for ; r != nil; r = r.next {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// Overlaps reports whether some key matches both m and a rule of this priority.
func (c *Classifier[V]) Overlaps(m *flow.Match, priority uint16) bool {
	for _, s := range c.order {
		if s.levels.rules[priority] == 0 {
			continue
		}
		for _, r := range s.rules {
			for ; r != nil; r = r.next {
				if r.Priority == priority && r.Match.Overlaps(m) {
					return true
				}
			}
		}
	}
	return false
}
