package upcall

import (
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// twin is the obvious way to write Waiting.
type twin map[uint64][]uint32

func TestWaitingAgreesWithAMap(t *testing.T) {
	pool, err := frame.NewPool(frame.Options{Buffers: 1024, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	const keys, room = 40, 100
	w, want := NewWaiting(pool, keys, room), twin{}
	rnd := rand.New(rand.NewPCG(1, 2))
	// Few values and few low bits, so that keys meet in the table all the time.
	hash := func() uint64 { return uint64(rnd.IntN(60)) * 0x4001 }
	held, kept := 0, 0
	for step := range 200_000 {
		h := hash()
		switch rnd.IntN(4) {
		case 0:
			_, there := want[h]
			ok := w.Add(h, 0, &kept)
			if ok != (there || len(want) < keys) {
				t.Fatalf("step %d: room for key %d of %d: %v", step, len(want)+1, keys, ok)
			}
			if ok && !there {
				want[h] = nil
			}
		case 1, 2:
			f, ok := cache.Get()
			if !ok {
				t.Fatal("arena exhausted")
			}
			_, there := want[h]
			if w.Hold(h, f, 0) {
				if !there || !fair(held, room-held) {
					t.Fatalf("step %d: held a packet behind a key there is no room for", step)
				}
				want[h] = append(want[h], f.Off())
				held++
				continue
			}
			if there && fair(held, room-held) {
				t.Fatalf("step %d: refused a packet with %d of %d held", step, held, room)
			}
			cache.Put(f)
		case 3:
			list, _ := w.Remove(h)
			for i, off := range want[h] {
				f, ok := list.Pop(pool)
				if !ok || f.Off() != off {
					t.Fatalf("step %d: packet %d of key %x is %d, want %d", step, i, h, f.Off(), off)
				}
				cache.Put(f)
				held--
			}
			if list.Len() != 0 {
				t.Fatalf("step %d: %d packets too many", step, list.Len())
			}
			delete(want, h)
		}
		if w.Len() != len(want) || w.Free() != keys-len(want) || w.Held() != held || kept != held {
			t.Fatalf("step %d: %d keys, %d free, %d packets, %d of the port, want %d, %d, %d and %d",
				step, w.Len(), w.Free(), w.Held(), kept, len(want), keys-len(want), held, held)
		}
		if _, there := want[h]; w.Has(h) != there {
			t.Fatalf("step %d: Has is %v, want %v", step, !there, there)
		}
	}
	for h, ok := w.Any(); ok; h, ok = w.Any() {
		list, _ := w.Remove(h)
		for f, ok := list.Pop(pool); ok; f, ok = list.Pop(pool) {
			cache.Put(f)
		}
	}
	cache.Close()
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
}

func TestWaitingAllocatesNothing(t *testing.T) {
	pool, err := frame.NewPool(frame.Options{Buffers: 64, Huge: frame.HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	w, kept := NewWaiting(pool, 16, 16), 0
	if n := testing.AllocsPerRun(100, func() {
		w.Add(7, 0, &kept)
		w.Has(7)
		w.Remove(7)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// BenchmarkWaiting is what every packet pays while some flow is with the slow path.
func BenchmarkWaiting(b *testing.B) {
	pool, err := frame.NewPool(frame.Options{Buffers: 64, Huge: frame.HugeNever})
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	w := NewWaiting(pool, 4096, 16)
	for i := range uint64(1000) {
		w.Add(i*0x9e3779b97f4a7c15, 0, new(int))
	}
	b.Run("miss-among-1000", func(b *testing.B) {
		b.ReportAllocs()
		h, found := uint64(1), 0
		for b.Loop() {
			h = h*6364136223846793005 + 1442695040888963407
			if w.Has(h) {
				found++
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/pkt")
	})
}
