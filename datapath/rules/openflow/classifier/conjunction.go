package classifier

import (
	"cmp"
	"slices"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A Conjunction makes its rule one of those that together are a conjunctive match (ovs-fields(7),
// "Conjunctive Match Fields"): one that a packet must match for a clause to hold. Once all clauses hold,
// the packet is looked up with conj_id ID.
type Conjunction struct {
	ID      uint32
	Clause  uint8 // from 0
	Clauses uint8 // up to 64
}

// A held is a conjunctive match and those of its clauses that hold.
type held struct {
	Conjunction
	clauses uint64
}

func (h *held) all() bool { return h.clauses == ^uint64(0)>>(64-h.Clauses) }

// conjunctive is Lookup where there are rules with conjunctions. At each priority, the highest first, an
// ordinary rule comes before conjunctive matches; of these, where several hold, the one of the lowest id
// comes first. One without a rule for its conj_id is as if it did not hold.
func (c *Classifier[V]) conjunctive(at *search) *Rule[V] {
	var buf [16]*Rule[V]
	hard, soft := c.candidates(at, buf[:0])
	slices.SortStableFunc(soft, func(a, b *Rule[V]) int { return -cmp.Compare(a.Priority, b.Priority) })
	for len(soft) > 0 {
		n := 1
		for n < len(soft) && soft[n].Priority == soft[0].Priority {
			n++
		}
		if r := c.together(at, soft[:n]); r != nil {
			return r
		}
		soft = soft[n:]
	}
	return hard
}

// candidates returns the best ordinary rule, and appends to soft the better ones with conjunctions.
func (c *Classifier[V]) candidates(at *search, soft []*Rule[V]) (hard *Rule[V], _ []*Rule[V]) {
	for _, s := range c.order {
		if hard != nil && hard.Priority >= s.maxPriority() {
			break
		}
		for r := s.lookup(at); r != nil && (hard == nil || r.Priority > hard.Priority); r = s.another(r, at.key) {
			if r.Conjunctions == nil {
				hard = r
				break
			}
			soft = append(soft, r)
		}
	}
	return hard, slices.DeleteFunc(soft, func(r *Rule[V]) bool { return hard != nil && r.Priority <= hard.Priority })
}

// together returns the rule for the conjunctive match that rules of one priority make up; nil if there
// is none.
func (c *Classifier[V]) together(at *search, soft []*Rule[V]) *Rule[V] {
	var buf [16]held
	list := buf[:0]
	for _, r := range soft {
		for _, conj := range r.Conjunctions {
			i := slices.IndexFunc(list, func(h held) bool { return h.ID == conj.ID && h.Clauses == conj.Clauses })
			if i < 0 {
				i = len(list)
				list = append(list, held{Conjunction: conj})
			}
			list[i].clauses |= 1 << conj.Clause
		}
	}
	slices.SortFunc(list, func(a, b held) int { return cmp.Compare(a.ID, b.ID) })
	for i := range list {
		if list[i].all() {
			if r := c.withID(at, list[i].ID); r != nil {
				return r
			}
		}
	}
	return nil
}

// withID looks the key up with a conj_id, among rules without conjunctions.
func (c *Classifier[V]) withID(at *search, id uint32) *Rule[V] {
	was := at.key.Uint(flow.FieldConjID)
	at.key.SetUint(flow.FieldConjID, uint64(id))
	defer at.key.SetUint(flow.FieldConjID, was)
	var best *Rule[V]
	for _, s := range c.order {
		if best != nil && best.Priority >= s.maxPriority() {
			break
		}
		r := s.lookup(at)
		for r != nil && r.Conjunctions != nil {
			r = s.another(r, at.key)
		}
		if r != nil && (best == nil || r.Priority > best.Priority) {
			best = r
		}
	}
	return best
}

// another returns the next rule behind r that matches key, which r does: one with r's match and a lower
// priority.
func (s *subtable[V]) another(r *Rule[V], key *flow.Key) *Rule[V] {
	for r = r.next; r != nil; r = r.next {
		if s.matches(r, key) {
			return r
		}
	}
	return nil
}
