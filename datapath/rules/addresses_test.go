package rules

import (
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

func randomMAC(r *rand.Rand) (mac [6]byte) {
	for i := range mac {
		mac[i] = byte(r.Uint32())
	}
	return mac
}

// to returns the key and mask of a flow to mac that consulted the whole address.
func to(mac [6]byte) (key flow.Key, mask flow.Mask) {
	copy(key[flow.Base][flow.OffEthDst:], mac[:])
	mask.SetExact(flow.FieldEthDst)
	return key, mask
}

func TestAddresses(t *testing.T) {
	const n = 40_000
	r := rand.New(rand.NewPCG(1, 2))
	a, half := new(Addresses), new(Addresses)
	var in [][6]byte
	for i := range n {
		mac := randomMAC(r)
		in = append(in, mac)
		set := a
		if i%2 == 1 {
			set = half
		}
		set.Add(mac, 1<<(i%3))
	}
	a.Merge(half)
	if a.Tags() != 7 {
		t.Errorf("tags %b, want 111", a.Tags())
	}
	t.Run("no flow to an address in the set is passed over", func(t *testing.T) {
		for _, mac := range in {
			if key, mask := to(mac); !a.Concern(4, &key, &mask, 0) {
				t.Fatalf("%x is not in the set", mac)
			}
		}
	})
	t.Run("few of the others are concerned", func(t *testing.T) {
		got := 0
		for range 10 * n {
			if key, mask := to(randomMAC(r)); a.Concern(7, &key, &mask, 0) {
				got++
			}
		}
		if got > 10*n/400 {
			t.Errorf("%d of %d, want about one in 800", got, 10*n)
		}
	})
	key, mask := to([6]byte{2, 0, 0, 0, 0, 1})
	for _, c := range []struct {
		name    string
		tags    uint64
		mask    flow.Mask
		rewrote uint64
		want    bool
	}{
		{"a flow to another address is not", 1, mask, 0, false},
		{"a flow that looked nothing up is not", 8, flow.Mask{}, 0, false},
		{"a flow to several addresses is", 1, flow.Mask{}, 0, true},
		{"a flow whose address was rewritten is", 1, mask, 1 << 1, true},
		{"a flow of which something else was rewritten is not", 1, mask, ^uint64(1 << 1), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := a.Concern(c.tags, &key, &c.mask, c.rewrote); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("an empty set concerns nobody", func(t *testing.T) {
		a.Reset()
		if key, mask := to(in[0]); a.Tags() != 0 || a.Concern(^uint64(0), &key, &mask, ^uint64(0)) {
			t.Error("got concerned, want not")
		}
	})
}
