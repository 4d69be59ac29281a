package classifier

import (
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// places are where keys and masks of tests have bits: something of every stage.
var places = [...]struct{ block, off, size int }{
	{flow.Base, flow.OffInPort + 3, 1}, {flow.Regs, flow.OffReg0, 4}, {flow.Base, flow.OffEthDst, 6}, {flow.Label, flow.OffMPLS0, 4},
	{flow.Base, flow.OffIPSrc, 4}, {flow.Base, flow.OffIPDst, 4}, {flow.Net6, flow.OffIP6Src, 16}, {flow.Net6, flow.OffIP6Dst, 16},
	{flow.Base, flow.OffL4Src, 2}, {flow.Base, flow.OffL4Dst, 2}, {flow.Base, flow.OffIPProto, 1},
}

// few returns a key with few different values, mostly zero.
func few(g *rand.Rand) flow.Key {
	var k flow.Key
	for range 4 {
		p := places[g.IntN(len(places))]
		k[p.block][p.off+g.IntN(p.size)] = []byte{0, 1, 2, 0x80, 0xc0}[g.IntN(5)]
	}
	return k
}

// fewMask returns one of few masks: prefixes mostly.
func fewMask(g *rand.Rand) flow.Mask {
	var m flow.Mask
	for range g.IntN(4) {
		p := places[g.IntN(len(places))]
		if g.IntN(4) == 0 {
			m[p.block][p.off+g.IntN(p.size)] |= []byte{0xff, 1, 2}[g.IntN(3)]
			continue
		}
		bits := []int{1, 2, 8, 8 * p.size, g.IntN(8*p.size + 1)}[g.IntN(5)]
		for i := range bits {
			m[p.block][p.off+i/8] |= 0x80 >> (i % 8)
		}
	}
	return m
}

func match(k flow.Key, mask flow.Mask) *flow.Match {
	m := &flow.Match{Key: k, Mask: mask}
	m.Apply()
	return m
}

func TestTheClassifierAgreesWithALinearSearch(t *testing.T) {
	seeds := uint64(20)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		g := rand.New(rand.NewPCG(seed, 0))
		c := New[int](g.Uint64())
		var all []*Rule[int]
		free := g.Perm(2000) // a priority each: of equal ones any may win
		for step := range 1500 {
			if len(all) > 0 && g.IntN(5) == 0 {
				i := g.IntN(len(all))
				free = append(free, int(all[i].Priority))
				c.Remove(all[i])
				all[i] = all[len(all)-1]
				all = all[:len(all)-1]
			} else if len(all) < 60 {
				m := fewMask(g)
				r := &Rule[int]{Match: match(few(g), m), Priority: uint16(free[0]), Value: step}
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
	got := c.Lookup(&k, nil, &mask)
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
	var again flow.Mask
	if c.Lookup(&other, &mask, &again) != got || !mask.Covers(&again) {
		t.Errorf("a key equal under the mask consults\n%x, more than\n%x", again, mask)
	}
	if got != nil && c.Find(got.Match, got.Priority) != got {
		t.Errorf("%v: not found by its own match and priority", got)
	}
}

func linear(all []*Rule[int], k *flow.Key) *Rule[int] {
	var best *Rule[int]
	for _, r := range all {
		if r.Match.Matches(k) && (best == nil || r.Priority > best.Priority) {
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
	c.Insert(&Rule[string]{Match: match(k, high), Priority: 10, Value: "high"})
	c.Insert(&Rule[string]{Match: match(flow.Key{}, low), Priority: 5, Value: "low"})
	var mask flow.Mask
	if r := c.Lookup(&k, nil, &mask); r == nil || r.Value != "high" || mask != high {
		t.Errorf("got %v under %x, want high under its own mask", r, mask[flow.Base])
	}
	mask = flow.Mask{}
	if r := c.Lookup(&flow.Key{}, nil, &mask); r == nil || r.Value != "low" || mask[flow.Base][0] != 0xff || mask[flow.Base][32] != 0xff {
		t.Errorf("got %v under %x, want low under both masks", r, mask[flow.Base])
	}
}

func TestALookupAllocatesNothing(t *testing.T) {
	c := New[int](3)
	g := rand.New(rand.NewPCG(1, 1))
	for i := range 100 {
		m := fewMask(g)
		c.Insert(&Rule[int]{Match: match(few(g), m), Priority: uint16(i)})
	}
	k := few(g)
	var mask flow.Mask
	if n := testing.AllocsPerRun(100, func() { c.Lookup(&k, nil, &mask) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
