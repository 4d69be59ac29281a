package classifier

import (
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// few returns a key with few different values, mostly zero.
func few(g *rand.Rand) flow.Key {
	var k flow.Key
	for range 4 {
		k[g.IntN(flow.Blocks)][g.IntN(2)*flow.BlockSize/2] = byte(g.IntN(3))
	}
	return k
}

// fewMask returns one of few masks.
func fewMask(g *rand.Rand) flow.Mask {
	var m flow.Mask
	for range g.IntN(3) {
		m[g.IntN(flow.Blocks)][g.IntN(2)*flow.BlockSize/2] = []byte{0xff, 1, 2}[g.IntN(3)]
	}
	return m
}

func masked(k flow.Key, m *flow.Mask) flow.Key {
	for b := range k {
		k[b].And(&k[b], &m[b])
	}
	return k
}

func TestTheClassifierAgreesWithALinearSearch(t *testing.T) {
	for seed := range uint64(8) {
		g := rand.New(rand.NewPCG(seed, 0))
		c := New[int](g.Uint64())
		var all []*Rule[int]
		free := g.Perm(2000) // a priority each: of equal ones any may win
		for step := range 600 {
			if len(all) > 0 && g.IntN(5) == 0 {
				i := g.IntN(len(all))
				free = append(free, int(all[i].Priority))
				c.Remove(all[i])
				all[i] = all[len(all)-1]
				all = all[:len(all)-1]
			} else if len(all) < 60 {
				m := fewMask(g)
				r := &Rule[int]{Key: masked(few(g), &m), Mask: m, Priority: uint16(free[0]), Value: step}
				free = free[1:]
				c.Insert(r)
				all = append(all, r)
			}
			if c.Len() != len(all) {
				t.Fatalf("seed %d: got %d rules, want %d", seed, c.Len(), len(all))
			}
			check(t, g, c, all)
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}

// check holds one look-up against a search from end to end, and its mask to what it promises.
func check(t *testing.T, g *rand.Rand, c *Classifier[int], all []*Rule[int]) {
	t.Helper()
	k := few(g)
	var mask flow.Mask
	got := c.Lookup(&k, &mask)
	if want := linear(all, &k); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	other := few(g)
	for b := range other {
		for i := range other[b] {
			other[b][i] = other[b][i]&^mask[b][i] | k[b][i]&mask[b][i]
		}
	}
	if want := linear(all, &other); got != want {
		t.Errorf("a key equal under the mask: got %v, want %v", got, want)
	}
	if got != nil && c.Find(&got.Key, &got.Mask, got.Priority) != got {
		t.Errorf("%v: not found by its own match and priority", got)
	}
}

func linear(all []*Rule[int], k *flow.Key) *Rule[int] {
	var best *Rule[int]
	for _, r := range all {
		if masked(*k, &r.Mask) == r.Key && (best == nil || r.Priority > best.Priority) {
			best = r
		}
	}
	return best
}

func TestSubtablesThatCannotWinAreNotConsulted(t *testing.T) {
	c := New[string](1)
	var high, low flow.Mask
	high[flow.Base][0], low[flow.Base][32] = 0xff, 0xff
	var k flow.Key
	k[flow.Base][0] = 7
	c.Insert(&Rule[string]{Key: k, Mask: high, Priority: 10, Value: "high"})
	c.Insert(&Rule[string]{Mask: low, Priority: 5, Value: "low"})
	var mask flow.Mask
	if r := c.Lookup(&k, &mask); r == nil || r.Value != "high" || mask != high {
		t.Errorf("got %v under %x, want high under its own mask", r, mask[flow.Base])
	}
	mask = flow.Mask{}
	if r := c.Lookup(&flow.Key{}, &mask); r == nil || r.Value != "low" || mask[flow.Base][0] != 0xff || mask[flow.Base][32] != 0xff {
		t.Errorf("got %v under %x, want low under both masks", r, mask[flow.Base])
	}
}

func TestALookupAllocatesNothing(t *testing.T) {
	c := New[int](3)
	g := rand.New(rand.NewPCG(1, 1))
	for i := range 100 {
		m := fewMask(g)
		c.Insert(&Rule[int]{Key: masked(few(g), &m), Mask: m, Priority: uint16(i)})
	}
	k := few(g)
	var mask flow.Mask
	if n := testing.AllocsPerRun(100, func() { c.Lookup(&k, &mask) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
