package flowcache

import (
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// lookUp returns what a reader finds for keys, in one batch, and under how many masks it looked.
func lookUp(m *Megaflow, r *Reader, keys ...flow.Key) (slots []Slot, masks uint64) {
	var k flow.Keys
	var found [frame.MaxBatch]Slot
	var idx [frame.MaxBatch]uint16
	setKeys(&k, keys...)
	_, before := m.probes(portOf(&keys[0][flow.Base]))
	r.Lookup(&k, allOf(&idx, k.N), &found)
	_, after := m.probes(portOf(&keys[0][flow.Base]))
	return found[:k.N], after - before
}

func TestAPacketSeenBeforeIsLookedUpUnderOneOfManyMasks(t *testing.T) {
	m := mustNew(t, Options{})
	r := m.NewReader()
	defer r.Close()
	var keys []flow.Key
	var want []Slot
	for n := range 8 {
		s, err := m.Insert(&Flow{Key: benchKey(uint32(n)), Mask: benchMask(n)})
		if err != nil {
			t.Fatal(err)
		}
		keys, want = append(keys, benchKey(uint32(n))), append(want, s)
	}
	for _, c := range []struct {
		name  string
		masks uint64
	}{{"at first", 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8}, {"again", 8}} {
		got, masks := lookUp(m, r, keys...)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s packet %d is of flow %d, want %d", c.name, i, got[i], want[i])
			}
		}
		if masks != c.masks {
			t.Errorf("%s 8 packets of 8 masks are looked up under %d, want %d", c.name, masks, c.masks)
		}
	}
	for n := range 8 {
		if hits := m.maskHits(m.entries[want[n]].mask); hits != 2 {
			t.Errorf("mask %d has %d hits, want 2", n, hits)
		}
	}
}

func TestAHintOfAFlowThatIsGoneIsNotBelieved(t *testing.T) {
	m := mustNew(t, Options{Flows: 1}) // so that the next flow has the same slot
	r := m.NewReader()
	defer r.Close()
	old, next := benchKey(1), benchKey(2)
	s, _ := put(t, m, old, benchMask(0))
	for range 2 {
		if got, _ := lookUp(m, r, old); got[0] != s {
			t.Fatalf("the packet is of flow %d, want %d", got[0], s)
		}
	}
	m.Remove(s)
	if got, _ := lookUp(m, r, old); got[0] != 0 {
		t.Error("a packet is of a flow that was removed")
	}
	r.Tick()
	if again, _ := put(t, m, next, benchMask(1)); again != s {
		t.Fatalf("the next flow has slot %d, want %d", again, s)
	}
	if got, _ := lookUp(m, r, old, next); got[0] != 0 || got[1] != s {
		t.Errorf("the packets are of flows %v, want none and %d", got, s)
	}
}

func TestASetOfHintsKeepsTheLatest(t *testing.T) {
	h := newHints(new(int), 1)
	hash := func(n int) uint64 { return uint64(n)<<55 | 5 } // of one set
	for n := range hintWays + 1 {
		h.put(hash(n+1), Slot(MaxFlows-n))
	}
	if s := h.of(hash(1)); s != 0 {
		t.Errorf("the oldest of %d hints is still there: %d", hintWays+1, s)
	}
	for n := 1; n <= hintWays; n++ {
		if s := h.of(hash(n + 1)); s != Slot(MaxFlows-n) {
			t.Errorf("hint %d is for %d, want %d", n, s, MaxFlows-n)
		}
	}
	h.put(hash(2), 7) // a key whose flow is another now
	if s := h.of(hash(2)); s != 7 {
		t.Errorf("the hint is for %d, want the latest: 7", s)
	}
}
