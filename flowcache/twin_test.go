package flowcache

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// A twin is what the cache must amount to: a list of flows, searched from the start.
type twin struct {
	flows map[Slot]Flow
}

// matching returns whether any flow of the twin matches key.
func (w *twin) matches(key *flow.Key) bool {
	for _, f := range w.flows {
		if under(key, &f) {
			return true
		}
	}
	return false
}

// A rig is a cache, its twin, one reader with its EMC, and the operations that keep them together.
type rig struct {
	m      *Megaflow
	twin   twin
	reader *Reader
	emc    *EMC
	keys   flow.Keys
	slots  [frame.MaxBatch]Slot
	idx    [frame.MaxBatch]uint16
	serial uint64
}

func newRig(t testing.TB, o Options) *rig {
	m := mustNew(t, o)
	return &rig{m: m, twin: twin{flows: map[Slot]Flow{}}, reader: m.NewReader(), emc: NewEMC(64, 1, m)}
}

// insert enters a flow as the slow path would: not if there is one that the key belongs to.
func (g *rig) insert(key flow.Key, mask flow.Mask) error {
	found, ok := g.m.Find(&key)
	if want := g.twin.matches(&key); ok != want {
		return fmt.Errorf("Find(key) = %d, %t; the twin says %t", found, ok, want)
	}
	if ok {
		return nil
	}
	g.serial++
	actions, err := g.m.Lists().Intern([]uint64{g.serial})
	if err != nil {
		return err
	}
	s, err := g.m.Insert(&Flow{Key: key, Mask: mask, Actions: actions, Tags: g.serial})
	if err != nil {
		g.m.Lists().Release(actions)
		if errors.Is(err, ErrFull) || errors.Is(err, ErrBucket) {
			return nil
		}
		return err
	}
	if _, ok := g.twin.flows[s]; ok {
		return fmt.Errorf("Insert returned slot %d, which has a flow", s)
	}
	var f Flow
	if !g.m.Flow(s, &f) {
		return fmt.Errorf("no flow in slot %d after Insert", s)
	}
	if f.Tags != g.serial || !under(&key, &f) || !f.Mask.Covers(&mask) {
		return fmt.Errorf("flow read back from slot %d is not the one inserted", s)
	}
	g.twin.flows[s] = f
	return nil
}

func (g *rig) remove(s Slot) {
	g.m.Remove(s)
	delete(g.twin.flows, s)
}

// lookup looks keys up as a worker does and holds the answers against the twin.
func (g *rig) lookup(keys ...flow.Key) error {
	setKeys(&g.keys, keys...)
	clear(g.slots[:])
	known := uint64(0)
	if g.keys.N > 0 {
		port := portOf(&g.keys.Block[flow.Base][0])
		known = g.reader.Latest(&g.keys, port, 0, &g.slots)
		defer func() { g.reader.Meet(port, g.slots[0]) }()
	}
	miss := g.emc.Lookup(&g.keys, known, &g.slots, g.idx[:])
	asked := len(miss)
	hit := g.idx
	miss = g.reader.Lookup(&g.keys, miss, &g.slots)
	for _, i := range hit[:asked] {
		if g.slots[i] != 0 {
			g.emc.Insert(&g.keys, int(i), g.slots[i])
		}
	}
	for n := 1; n < len(miss); n++ {
		if miss[n] <= miss[n-1] {
			return fmt.Errorf("misses %v are not in the order of arrival", miss)
		}
	}
	missed := 0
	for i := range keys {
		s := g.slots[i]
		want := g.twin.matches(&keys[i])
		if s == 0 {
			missed++
			if want {
				return fmt.Errorf("key %d was not found", i)
			}
			continue
		}
		f, ok := g.twin.flows[s]
		if !ok {
			return fmt.Errorf("key %d got slot %d, which has no flow", i, s)
		}
		if !under(&keys[i], &f) {
			return fmt.Errorf("key %d got slot %d, whose flow it is not under", i, s)
		}
		if got := g.m.Lists().Get(g.reader.Actions(s)); len(got) != 1 || got[0] != f.Tags {
			return fmt.Errorf("actions of slot %d are %v, want %d", s, got, f.Tags)
		}
	}
	if missed != len(miss) {
		return fmt.Errorf("%d keys have no slot, but %d misses were returned", missed, len(miss))
	}
	return nil
}

func TestCachesAgreeWithALinearList(t *testing.T) {
	shapes := []struct {
		name string
		o    Options
		keep uint64
	}{
		{"with room for everything", Options{Flows: 4096, MasksPerPort: 1024}, ^uint64(0)},
		{"with few masks per port", Options{Flows: 4096, MasksPerPort: 3}, ^uint64(0)},
		{"with few flows", Options{Flows: 20}, ^uint64(0)},
		{"when all hashes collide", Options{Flows: 4096, MasksPerPort: 6}, 0},
		{"when signatures collide", Options{Flows: 4096, MasksPerPort: 6}, 0xffff},
	}
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			g := newRig(t, shape.o)
			g.m.keep = shape.keep
			r := rand.New(rand.NewPCG(1, 2))
			steps := 4000
			if testing.Short() {
				steps = 500
			}
			for step := range steps {
				if err := g.step(r); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
			}
			if g.m.Len() != len(g.twin.flows) {
				t.Errorf("Len() = %d, want %d", g.m.Len(), len(g.twin.flows))
			}
			g.drain(t)
		})
	}
}

// step does one random thing.
func (g *rig) step(r *rand.Rand) error {
	switch n := r.UintN(16); {
	case n < 5:
		return g.insert(randomKey(r, 3), randomMask(r))
	case n < 7:
		for s := range g.twin.flows {
			g.remove(s)
			break
		}
	case n == 7:
		g.reader.Tick()
		g.m.Reclaim()
	case n == 8:
		g.m.SortMasks()
	default:
		var keys [frame.MaxBatch]flow.Key
		n := r.IntN(frame.MaxBatch + 1)
		for i := range n {
			keys[i] = randomKey(r, 3)
		}
		return g.lookup(keys[:n]...)
	}
	return nil
}

// drain removes everything and checks that nothing is left.
func (g *rig) drain(t *testing.T) {
	t.Helper()
	for s := range g.m.All {
		g.remove(s)
	}
	if len(g.twin.flows) != 0 {
		t.Errorf("All left out %d flows", len(g.twin.flows))
	}
	g.reader.Tick()
	g.m.Reclaim()
	if n := g.m.Lists().Len(); n != 0 {
		t.Errorf("%d lists are left", n)
	}
	for port := range uint32(4) {
		if n := g.m.Masks(port); n != 0 {
			t.Errorf("port %d has %d masks without flows", port, n)
		}
	}
	for i := range g.m.table.buckets {
		for w := 1; w <= ways; w++ {
			if g.m.table.buckets[i][w].Load() != 0 {
				t.Errorf("bucket %d has an entry", i)
			}
		}
	}
}
