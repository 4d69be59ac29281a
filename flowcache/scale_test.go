package flowcache

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// TestAMillionFlows fills a cache of a million flows to the last, finds every one, and empties it.
func TestAMillionFlows(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds and 300 MB: left out by -short")
	}
	const flows = 1_000_000
	start := time.Now()
	g := newRig(t, Options{Flows: flows})
	var f Flow
	f.Mask = prefix(32)
	for n := range uint32(flows) {
		f.Key = benchKey(n)
		if _, err := g.m.Insert(&f); err != nil {
			t.Fatalf("flow %d: %v", n, err)
		}
	}
	t.Logf("inserted %d flows in %v", flows, time.Since(start))
	var keys [frame.MaxBatch]flow.Key
	for n := 0; n < flows; n += len(keys) {
		for i := range keys {
			keys[i] = benchKey(uint32(n + i))
		}
		setKeys(&g.keys, keys[:]...)
		if miss := g.reader.Lookup(&g.keys, allOf(&g.idx, len(keys)), &g.slots); len(miss) != 0 {
			t.Fatalf("%d of the flows from %d on were not found", len(miss), n)
		}
	}
	if _, err := g.m.Insert(&Flow{Key: benchKey(flows), Mask: prefix(32)}); err != ErrFull {
		t.Errorf("one flow more: %v, want %v", err, ErrFull)
	}
	for s := range g.m.All {
		g.m.Remove(s)
	}
	g.reader.Tick()
	if n := g.m.Reclaim(); n != flows || g.m.Len() != 0 {
		t.Errorf("reclaimed %d flows, %d are left", n, g.m.Len())
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("took %v", d)
	}
}
