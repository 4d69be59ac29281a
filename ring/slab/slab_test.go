package slab

import (
	"runtime"
	"testing"
	"time"
)

type owner struct{ slab []uint64 }

func TestASlabIsZeroAndHoldsWhatIsWritten(t *testing.T) {
	for _, n := range []int{0, 1, 511, 1 << 20} {
		o := new(owner)
		o.slab = New[uint64](o, n)
		if len(o.slab) != n || cap(o.slab) != n && !onHeap {
			t.Fatalf("slab of %d: length %d, capacity %d", n, len(o.slab), cap(o.slab))
		}
		for i := range o.slab {
			if o.slab[i] != 0 {
				t.Fatalf("slab of %d: element %d is %d", n, i, o.slab[i])
			}
			o.slab[i] = uint64(i)
		}
		for i := range o.slab {
			if o.slab[i] != uint64(i) {
				t.Fatalf("slab of %d: element %d is %d", n, i, o.slab[i])
			}
		}
	}
}

func TestTheCollectorDoesNotCountASlab(t *testing.T) {
	if onHeap {
		t.Skip("under the race detector slabs are ordinary slices")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o := new(owner)
	o.slab = New[uint64](o, 32<<20)
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes for a slab of 256 MB", grown)
	}
	runtime.KeepAlive(o)
}

func TestASlabGoesWithItsOwner(t *testing.T) {
	if onHeap {
		t.Skip("under the race detector slabs are ordinary slices")
	}
	gone := make(chan struct{})
	func() {
		o := new(owner)
		o.slab = New[uint64](o, 1<<10)
		runtime.AddCleanup(o, func(c chan struct{}) { close(c) }, gone)
	}()
	for end := time.Now().Add(5 * time.Second); ; {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatal("the slab keeps its owner alive")
		}
	}
}
