package flowcache

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// FuzzMegaflow reads its input as operations on a small cache and holds every answer of both caches
// against a list of flows. Two bytes an operation: what to do, and a seed for the key and mask.
func FuzzMegaflow(f *testing.F) {
	f.Add(uint8(0), []byte{0, 1, 0, 2, 6, 1, 2, 0, 4, 0, 6, 2})
	f.Add(uint8(1), []byte{0, 1, 0, 1, 0, 9, 5, 0, 6, 9, 2, 1, 6, 9, 4, 0, 0, 9, 6, 9})
	f.Add(uint8(2), []byte{1, 1, 1, 2, 1, 3, 1, 4, 1, 5, 1, 6, 7, 1, 7, 2, 7, 3})
	f.Fuzz(func(t *testing.T, shape uint8, ops []byte) {
		if len(ops) > 1000 {
			return
		}
		g := newRig(t, Options{Flows: 1 + int(shape>>4), MasksPerPort: 1 + int(shape&3), Lists: NewLists(1 << 10)})
		if shape&4 != 0 {
			g.m.keep = 0xff
		}
		for ; len(ops) >= 2; ops = ops[2:] {
			if err := g.operate(ops[0], ops[1]); err != nil && !errors.Is(err, ErrLists) {
				t.Fatal(err)
			}
		}
		g.drain(t)
	})
}

// operate does operation op, with keys made from seed.
func (g *rig) operate(op, seed byte) error {
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	switch op % 8 {
	case 0, 1:
		return g.insert(randomKey(r, 2), randomMask(r))
	case 2:
		n := Slot(seed) % g.m.next
		if _, ok := g.twin.flows[n]; ok {
			g.remove(n)
		}
	case 3:
		g.m.SortMasks()
	case 4:
		g.reader.Tick()
	case 5:
		g.m.Reclaim()
	default:
		var keys [frame.MaxBatch]flow.Key
		for i := range keys {
			keys[i] = randomKey(r, 2)
		}
		return g.lookup(keys[:]...)
	}
	return nil
}
