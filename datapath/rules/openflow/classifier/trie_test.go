package classifier

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestATrieAgreesWithAListOfPrefixes(t *testing.T) {
	type prefix struct {
		p bitString
		n uint8
	}
	for seed := range uint64(20) {
		g := rand.New(rand.NewPCG(seed, 0))
		random := func() prefix {
			n := uint8(1 + g.IntN(128))
			if g.IntN(2) == 0 {
				n = uint8(1 + g.IntN(6))
			}
			v := bitString{uint64(g.IntN(16)) << 60, 0}
			if g.IntN(3) == 0 {
				v.lo = g.Uint64()
			}
			return prefix{v.first(n), n}
		}
		var tr trie
		var all []prefix
		for range 400 {
			if len(all) > 0 && g.IntN(3) == 0 {
				i := g.IntN(len(all))
				tr.remove(all[i].p, all[i].n)
				all = slices.Delete(all, i, i+1)
			} else {
				all = append(all, random())
				tr.insert(all[len(all)-1].p, all[len(all)-1].n)
			}
			v, other := random().p, bitString{g.Uint64(), g.Uint64()}
			got := tr.lookup(v)
			// Another value with the bits that the answer rests on.
			if got.bits > 0 {
				same, ones := v.first(got.bits), bitString{^uint64(0), ^uint64(0)}.first(got.bits)
				other = bitString{same.hi | other.hi&^ones.hi, same.lo | other.lo&^ones.lo}
			}
			for n := uint8(1); n <= 128; n++ {
				has := func(v bitString) bool { return slices.Contains(all, prefix{v.first(n), n}) }
				if got.has(n) != has(v) || has(other) != has(v) {
					t.Fatalf("seed %d, %d bits of %x: got %v, want %v; %v for %x, which has the same first %d bits",
						seed, n, v, got.has(n), has(v), has(other), other, got.bits)
				}
			}
		}
		for _, p := range all {
			tr.remove(p.p, p.n)
		}
		if tr.root != nil {
			t.Errorf("seed %d: an empty trie has nodes", seed)
		}
	}
}

func TestTheHighestPriorityIsThatOfARule(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	var l levels
	var all []uint16
	for range 5000 {
		if len(all) > 0 && g.IntN(2) == 0 {
			i := g.IntN(len(all))
			l.remove(all[i])
			all = slices.Delete(all, i, i+1)
		} else {
			all = append(all, uint16(g.IntN(50)))
			l.add(all[len(all)-1])
		}
		want := uint16(0)
		if len(all) > 0 {
			want = slices.Max(all)
		}
		if got := l.maxPriority(); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	}
}
