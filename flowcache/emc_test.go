package flowcache

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// emcRig returns a rig with one flow that all keys of port 1 belong to.
func emcRig(t *testing.T, entries, inverse int) (*rig, Slot) {
	g := newRig(t, Options{Flows: 16})
	s, _ := put(t, g.m, newKey(1, 1), flow.Mask{})
	g.emc = NewEMC(entries, inverse, g.m)
	return g, s
}

func TestEMCTakesOneInSoMany(t *testing.T) {
	for _, c := range []struct {
		inverse, low, high int
	}{
		{0, 0, 0},
		{1, 1000, 1000},
		{10, 60, 140},
	} {
		g, s := emcRig(t, 65536, c.inverse)
		for i := range 1000 {
			setKeys(&g.keys, benchKey(uint32(i)))
			g.emc.Insert(&g.keys, 0, s)
		}
		if n := g.emc.Occupied() + int(g.emc.Replaced()); n < c.low || n > c.high {
			t.Errorf("1 in %d: %d of 1000 were taken, want %d to %d", c.inverse, n, c.low, c.high)
		}
	}
}

func TestEMCTellsKeysApartInEveryBlock(t *testing.T) {
	g, s := emcRig(t, 64, 1)
	for b := range flow.FastBlocks {
		for _, off := range []int{8, 31, flow.OffCTState} {
			present := uint8(1<<b | 1)
			key := newKey(1, present)
			other := key
			other[b][off] ^= 1
			setKeys(&g.keys, key)
			g.emc.Insert(&g.keys, 0, s)
			// The same hash, so that only the comparison stands between them.
			hash := g.keys.Hash[0]
			if miss := g.emc.Lookup(&g.keys, 0, &g.slots, g.idx[:]); len(miss) != 0 {
				t.Errorf("block %d: the key itself missed", b)
			}
			setKeys(&g.keys, other)
			g.keys.Hash[0] = hash
			if miss := g.emc.Lookup(&g.keys, 0, &g.slots, g.idx[:]); len(miss) != 1 {
				t.Errorf("block %d byte %d: another key hit", b, off)
			}
		}
	}
}

func TestEMCReplacesTheDeadFirst(t *testing.T) {
	g := newRig(t, Options{Flows: 16})
	g.emc = NewEMC(emcWays, 1, g.m) // one set
	var slots [emcWays + 1]Slot
	for i := range slots {
		slots[i], _ = put(t, g.m, benchKeyOf(i), prefix(32))
	}
	for i := range emcWays {
		setKeys(&g.keys, benchKeyOf(i))
		g.emc.Insert(&g.keys, 0, slots[i])
	}
	if g.emc.Occupied() != emcWays || g.emc.Replaced() != 0 {
		t.Fatalf("occupied %d, replaced %d", g.emc.Occupied(), g.emc.Replaced())
	}
	g.m.Remove(slots[2])
	setKeys(&g.keys, benchKeyOf(emcWays))
	g.emc.Insert(&g.keys, 0, slots[emcWays])
	for i := range slots {
		setKeys(&g.keys, benchKeyOf(i))
		miss := g.emc.Lookup(&g.keys, 0, &g.slots, g.idx[:])
		if want := i == 2; (len(miss) == 1) != want {
			t.Errorf("key %d: missed = %t, want %t", i, !want, want)
		}
	}
	if g.emc.Replaced() != 1 {
		t.Errorf("Replaced() = %d, want 1", g.emc.Replaced())
	}
}

// benchKeyOf returns key i of port 1.
func benchKeyOf(i int) flow.Key { return benchKey(uint32(i)) }

func TestEMCSizeIsAPowerOfTwo(t *testing.T) {
	m := mustNew(t, Options{Flows: 1})
	for _, c := range []struct{ ask, want int }{{0, DefaultEMCEntries}, {1, 4}, {5, 8}, {8192, 8192}, {8193, 16384}} {
		if got := NewEMC(c.ask, 1, m).Cap(); got != c.want {
			t.Errorf("NewEMC(%d).Cap() = %d, want %d", c.ask, got, c.want)
		}
	}
}
