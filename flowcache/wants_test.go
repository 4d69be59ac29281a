package flowcache

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// craft returns a key and mask as an access list makes them for a crafted header: some first bits of source
// and destination address and ports.
func craft(r *rand.Rand, port uint32) (flow.Key, flow.Mask) {
	key := newKey(port, 1)
	var m flow.Mask
	first := func(off, bits, n int) {
		for i := range n {
			m[flow.Base][off+i/8] |= 0x80 >> (i % 8)
		}
		binary.BigEndian.PutUint16(key[flow.Base][off:], uint16(r.Uint32()))
	}
	first(flow.OffIPSrc, 32, 1+r.IntN(32))
	first(flow.OffIPDst, 32, 1+r.IntN(32))
	first(flow.OffL4Dst, 16, 1+r.IntN(16))
	return key, m
}

// attack inserts n crafted flows.
func attack(t *testing.T, m *Megaflow, r *rand.Rand, n int) {
	t.Helper()
	for range n {
		key, mask := craft(r, 1)
		if _, err := m.Insert(&Flow{Key: key, Mask: mask}); err != nil && err != ErrExists {
			t.Fatal(err)
		}
	}
}

// walk removes what the revalidator would: flows under masks that are to go.
func walk(m *Megaflow) {
	var b Brief
	for s := range m.All {
		if m.Brief(s, &b) && b.Leaves {
			m.Remove(s)
		}
	}
	m.Reclaim()
}

// wanted is the mask that the legitimate flows of these tests need, and wantedKey the n-th of them.
func wanted() (m flow.Mask) {
	exact(&m, flow.OffEthDst, 6)
	exact(&m, flow.OffEthSrc, 6)
	return m
}

func wantedKey(n int) flow.Key {
	key := newKey(1, 1)
	binary.BigEndian.PutUint32(key[flow.Base][flow.OffEthSrc+2:], uint32(n))
	return key
}

func TestAMaskThatManyFlowsNeedTakesThePlaceOfCraftedOnes(t *testing.T) {
	m := mustNew(t, Options{Flows: 1 << 18})
	r := rand.New(rand.NewPCG(1, 2))
	attack(t, m, r, 10_000)
	if n := m.Masks(1); n > DefaultMasksPerPort+2 {
		t.Fatalf("%d masks, want at most %d", n, DefaultMasksPerPort+2)
	}
	want := wanted()
	exact(&want, flow.OffInPort, 8)
	next := 0
	for round := range 8 {
		// 2 % of new flows are legitimate.
		for range 100 {
			attack(t, m, r, 49)
			s, err := m.Insert(&Flow{Key: wantedKey(next), Mask: want})
			next++
			if err != nil {
				t.Fatal(err)
			}
			var f Flow
			if m.Flow(s, &f); f.Mask == want {
				t.Logf("their own mask after round %d", round)
				if n := m.Masks(1); n > DefaultMasksPerPort+2 {
					t.Errorf("%d masks, want at most %d", n, DefaultMasksPerPort+2)
				}
				return
			}
		}
		m.SortMasks()
		walk(m)
	}
	t.Error("legitimate flows never got their own mask")
}

func TestCraftedMasksDoNotTakeThePlaceOfBusyOnes(t *testing.T) {
	m := mustNew(t, Options{Flows: 1 << 18, MasksPerPort: 4})
	reader := m.NewReader()
	defer reader.Close()
	g := &rig{m: m, reader: reader}
	want := wanted()
	exact(&want, flow.OffInPort, 8)
	put(t, m, wantedKey(1), want)
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		attack(t, m, r, 2000)
		setKeys(&g.keys, wantedKey(1), wantedKey(1), wantedKey(1), wantedKey(1))
		for range 100 {
			reader.Lookup(&g.keys, allOf(&g.idx, 4), &g.slots)
		}
		reader.Tick()
		m.SortMasks()
		walk(m)
		if _, ok := m.Find(new(wantedKey(1))); !ok {
			t.Fatal("the flow that has traffic had to go")
		}
	}
	if first := m.portMasks(1)[0]; m.maskOf(first).block[flow.Base] != want[flow.Base] {
		t.Error("the busy mask is not the first that is probed")
	}
}

func TestAPortWithoutPressureIsNotWatched(t *testing.T) {
	m := mustNew(t, Options{Flows: 1 << 16, MasksPerPort: 4})
	attack(t, m, rand.New(rand.NewPCG(5, 6)), 1000)
	if len(m.wants) != 1 {
		t.Fatalf("%d ports are watched, want 1", len(m.wants))
	}
	for range promiseTicks + 1 {
		m.SortMasks()
	}
	if len(m.wants) != 0 {
		t.Error("the port is watched though nothing asks for masks")
	}
}
