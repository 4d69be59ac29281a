package flowcache

import (
	"math/rand/v2"
	"testing"
)

func TestBucketsFindWhatWasPut(t *testing.T) {
	const flows = 4096
	tab := newTable(t, flows)
	r := rand.New(rand.NewPCG(5, 6))
	hash := map[Slot]uint64{}
	spilled := 0
	for s := Slot(1); s <= flows; s++ {
		h := r.Uint64()
		if !tab.has(h) {
			t.Fatalf("both buckets of flow %d of %d are full", s, flows)
		}
		tab.put(h, s)
		hash[s] = h
	}
	check := func() {
		t.Helper()
		for s, h := range hash {
			if got := tab.candidate(tab.primary(h)[0].Load(), h); got != s {
				t.Fatalf("candidate = %d, want %d", got, s)
			}
		}
	}
	check()
	for i := range tab.buckets {
		spilled += int(tab.buckets[i][0].Load() >> spilledShift)
	}
	if spilled == 0 || spilled > flows/5 {
		t.Errorf("%d of %d flows stand in their alternate bucket, want a few", spilled, flows)
	}
	for s, h := range hash {
		if s%2 == 0 {
			if !tab.remove(h, s) {
				t.Fatalf("slot %d is in neither bucket", s)
			}
			delete(hash, s)
		}
	}
	check()
	for s, h := range hash {
		tab.remove(h, s)
	}
	for i := range tab.buckets {
		for w := range tab.buckets[i] {
			if v := tab.buckets[i][w].Load(); v != 0 {
				t.Fatalf("word %d of bucket %d is %#x after all were removed", w, i, v)
			}
		}
	}
}

func TestTwoBucketsBoundTheFlowsOfOneHash(t *testing.T) {
	tab := newTable(t, 1<<16)
	const h = 0x0123456789abcdef
	n := 0
	for tab.has(h) {
		n++
		tab.put(h, Slot(n))
	}
	if n != 2*ways {
		t.Errorf("%d flows of one hash were entered, want %d", n, 2*ways)
	}
	for s := Slot(1); int(s) <= n; s++ {
		if !tab.remove(h, s) {
			t.Errorf("slot %d is in neither bucket", s)
		}
	}
}

func TestABucketThatLostCountStaysRight(t *testing.T) {
	tab := newTable(t, 1<<16)
	hash := func(s Slot) uint64 { return uint64(s)<<32 | uint64(s)<<21 | 5 } // all with primary bucket 5
	const flows = spilledMax + 3*ways
	for s := Slot(1); s <= flows; s++ {
		if !tab.has(hash(s)) {
			t.Fatalf("no room for flow %d", s)
		}
		tab.put(hash(s), s)
	}
	if n := tab.buckets[5][0].Load() >> spilledShift; n != spilledMax {
		t.Fatalf("the bucket speaks of %d flows elsewhere, want %d", n, spilledMax)
	}
	for s := Slot(1); s <= flows; s++ {
		h := hash(s)
		if got := tab.candidate(tab.primary(h)[0].Load(), h); got != s {
			t.Fatalf("candidate = %d, want %d", got, s)
		}
		tab.remove(h, s)
	}
	if got := tab.buckets[5][0].Load(); got != spilledMax<<spilledShift {
		t.Errorf("header of the empty bucket is %#x", got)
	}
}

func TestTagsMatchInAnyByte(t *testing.T) {
	for tg := uint64(1); tg < 256; tg += 2 {
		for way := range ways {
			header := tg<<(8*way) | 77<<spilledShift
			if matches(header, tg)>>(8*way+7)&1 == 0 {
				t.Fatalf("tag %#x is not found in byte %d", tg, way)
			}
			if got := matches(header&^(0xff<<(8*way)), tg); got != 0 {
				t.Fatalf("tag %#x is found in an empty header: %#x", tg, got)
			}
		}
	}
}
