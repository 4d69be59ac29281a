// Package classifier finds the rule of highest priority that matches a flow key: one OpenFlow table.
//
// It is a tuple space search (Srinivasan, Suri and Varghese, SIGCOMM 1999): rules with the same mask
// form a subtable, a hash table of masked keys, and subtables are tried in the order of the highest
// priority they hold until none can hold a better rule. A look-up reports the bits it consulted, which
// are what makes its answer valid for other keys: the masks of the subtables it tried, and nothing of
// those it did not get to.
//
// It knows nothing about fields and actions.
//
// Thread-safety: look-ups may run at the same time as each other, not at the same time as changes.
package classifier

import (
	"cmp"
	"slices"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-2]

// A Rule is one entry of a classifier, with the caller's value.
type Rule[V any] struct {
	Key      flow.Key // masked: no bit set that Mask has not
	Mask     flow.Mask
	Priority uint16
	Value    V

	want []uint64 // words of Key where the subtable's mask is not zero
	hash uint64
	next *Rule[V] // same hash, priority not higher
}

// A Classifier is one table. New makes one.
type Classifier[V any] struct {
	seed   uint64
	byMask map[flow.Mask]*subtable[V]
	order  []*subtable[V] // by maxPriority, highest first
	count  int
}

// New returns an empty classifier. seed keys its hashes.
func New[V any](seed uint64) *Classifier[V] {
	return &Classifier[V]{seed: seed | 1, byMask: make(map[flow.Mask]*subtable[V])}
}

// Len returns the number of rules.
func (c *Classifier[V]) Len() int { return c.count }

// Masks returns the number of different masks.
func (c *Classifier[V]) Masks() int { return len(c.order) }

// Lookup returns the rule of highest priority that matches key, nil if none does, and adds the bits it
// consulted to mask. Among rules of the same priority it returns any one of them, the same one for all
// keys that agree in the bits consulted.
func (c *Classifier[V]) Lookup(key *flow.Key, mask *flow.Mask) *Rule[V] {
	var best *Rule[V]
	for _, s := range c.order {
		if best != nil && best.Priority >= s.maxPriority {
			break
		}
		s.consult(mask)
		if r := s.lookup(key, c.seed); r != nil && (best == nil || r.Priority > best.Priority) {
			best = r
		}
	}
	return best
}

// Find returns the rule with exactly this match and priority, nil if there is none.
func (c *Classifier[V]) Find(key *flow.Key, mask *flow.Mask, priority uint16) *Rule[V] {
	s := c.byMask[*mask]
	if s == nil {
		return nil
	}
	return s.find(key, priority, c.seed)
}

// Insert adds a rule. There must be none with the same match and priority; see Find.
func (c *Classifier[V]) Insert(r *Rule[V]) {
	s := c.byMask[r.Mask]
	if s == nil {
		s = newSubtable[V](&r.Mask)
		c.byMask[r.Mask] = s
		c.order = append(c.order, s)
	}
	if s.insert(r, c.seed) {
		c.sort()
	}
	c.count++
}

// Remove takes out a rule that is in the classifier.
func (c *Classifier[V]) Remove(r *Rule[V]) {
	s := c.byMask[r.Mask]
	changed := s.remove(r)
	c.count--
	if s.count == 0 {
		delete(c.byMask, r.Mask)
		c.order = slices.DeleteFunc(c.order, func(o *subtable[V]) bool { return o == s })
	} else if changed {
		c.sort()
	}
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

// sort orders the subtables anew; those of equal priority stay as they are.
func (c *Classifier[V]) sort() {
	slices.SortStableFunc(c.order, func(a, b *subtable[V]) int { return -cmp.Compare(a.maxPriority, b.maxPriority) })
}
