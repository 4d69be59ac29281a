package classifier

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// plainly looks a key up in rules, conjunctive ones among them, by what ovs-fields(7) says: priority by
// priority, each conjunctive match by all its clauses.
func plainly(all []*Rule[int], key flow.Key) *Rule[int] {
	byPriority := slices.Clone(all)
	slices.SortFunc(byPriority, func(a, b *Rule[int]) int { return -cmp.Compare(a.Priority, b.Priority) })
	for _, r := range byPriority {
		if !r.Match.Matches(&key) {
			continue
		}
		if r.Conjunctions == nil {
			return r
		}
		for id := range uint32(4) {
			if !holds(all, &key, id, r.Priority) {
				continue
			}
			with := key
			with.SetUint(flow.FieldConjID, uint64(id))
			for _, o := range byPriority {
				if o.Conjunctions == nil && o.Match.Matches(&with) {
					return o
				}
			}
		}
	}
	return nil
}

// holds reports whether all clauses of a conjunctive match hold.
func holds(all []*Rule[int], key *flow.Key, id uint32, priority uint16) bool {
	for clause := range clausesOf(id) {
		if !slices.ContainsFunc(all, func(r *Rule[int]) bool {
			return r.Priority == priority && r.Match.Matches(key) && slices.Contains(r.Conjunctions, Conjunction{id, clause, clausesOf(id)})
		}) {
			return false
		}
	}
	return true
}

func clausesOf(id uint32) uint8 { return uint8(2 + id%2) }

// softRule returns a rule of few different matches with conjunctions of few ids.
func softRule(g *rand.Rand, value int) *Rule[int] {
	r := &Rule[int]{Match: match(few(g), fewMask(g)), Priority: uint16(1000 * (1 + g.IntN(3))), Value: value}
	for range 1 + g.IntN(3) {
		id := uint32(g.IntN(4))
		r.Conjunctions = append(r.Conjunctions, Conjunction{id, uint8(g.IntN(int(clausesOf(id)))), clausesOf(id)})
	}
	return r
}

func TestConjunctiveMatchesAgreeWithTheirDefinition(t *testing.T) {
	conjunctive := 0
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		g := rand.New(rand.NewPCG(seed, 1))
		c := New[int](g.Uint64())
		var all []*Rule[int]
		put := func(r *Rule[int]) {
			if c.Find(r.Match, r.Priority) == nil {
				c.Insert(r)
				all = append(all, r)
			}
		}
		priorities := g.Perm(4000)
		for i := range 40 {
			put(softRule(g, i))
			hard := &Rule[int]{Match: match(few(g), fewMask(g)), Priority: uint16(priorities[i]), Value: 1000 + i}
			if g.IntN(2) == 0 {
				hard.Match.SetUint(flow.FieldConjID, uint64(g.IntN(4)))
				hard.Match.Apply()
			}
			if hard.Priority%1000 != 0 { // which leaves open what is found
				put(hard)
			}
			if i%7 == 6 {
				n := g.IntN(len(all))
				c.Remove(all[n])
				all = slices.Delete(all, n, n+1)
			}
			for range 20 {
				conjunctive += checkConjunctive(t, g, c, all)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, i)
			}
		}
	}
	if conjunctive < 100 {
		t.Errorf("%d conjunctive matches: the test tests nothing", conjunctive)
	}
}

// checkConjunctive looks a random key up, and others that agree with it in the bits consulted, and
// returns how many rules were found by a conj_id.
func checkConjunctive(t *testing.T, g *rand.Rand, c *Classifier[int], all []*Rule[int]) int {
	t.Helper()
	key := few(g)
	var mask flow.Mask
	want, got := plainly(all, key), c.Lookup(&key, nil, &mask)
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	for range 5 {
		other := few(g)
		for b := range other {
			for i := range other[b] {
				other[b][i] = other[b][i]&^mask[b][i] | key[b][i]&mask[b][i]
			}
		}
		if got := c.Lookup(&other, nil, new(flow.Mask)); got != want {
			t.Errorf("a key that agrees in the bits consulted: got %v, want %v", got, want)
		}
	}
	if want != nil && want.Match.Mask.Any(flow.FieldConjID) && want.Match.Key.Uint(flow.FieldConjID) != 0 {
		return 1
	}
	return 0
}

func TestAConjunctiveLookupLeavesTheKeyAlone(t *testing.T) {
	c := New[int](1)
	var src, dst flow.Mask
	src.SetExact(flow.FieldIPSrc)
	dst.SetExact(flow.FieldIPDst)
	var key flow.Key
	key.SetUint(flow.FieldIPSrc, 1)
	key.SetUint(flow.FieldIPDst, 2)
	c.Insert(&Rule[int]{Match: match(key, src), Conjunctions: []Conjunction{{7, 0, 2}}})
	c.Insert(&Rule[int]{Match: match(key, dst), Conjunctions: []Conjunction{{7, 1, 2}}})
	id := new(flow.Match)
	id.SetUint(flow.FieldConjID, 7)
	c.Insert(&Rule[int]{Match: id, Value: 42})
	var mask flow.Mask
	was := key
	if r := c.Lookup(&key, nil, &mask); r == nil || r.Value != 42 || key != was {
		t.Errorf("got %v, key changed: %v", r, key != was)
	}
	if !mask.Exact(flow.FieldIPSrc) || !mask.Exact(flow.FieldIPDst) {
		t.Error("both addresses were looked at, and the mask does not say so")
	}
	if n := testing.AllocsPerRun(100, func() { c.Lookup(&key, nil, &mask) }); n != 0 {
		t.Errorf("a conjunctive look-up makes %v allocations", n)
	}
}
