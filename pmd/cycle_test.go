package pmd

import (
	"testing"

	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

func cycleWorker(t testing.TB, frames int) (*Worker, *dropper) {
	d := new(dropper)
	w := newTestWorker(t, 0, d)
	q := &endless{frames: make([]frame.Frame, frames), count: counter.NewBlock(RxCounters())}
	if err := w.AddQueue(1, q); err != nil {
		t.Fatal(err)
	}
	w.resync()
	return w, d
}

func TestABusyQueueDoesNotStarveTheOthers(t *testing.T) {
	w, d := cycleWorker(t, frame.MaxBatch)
	w.cycle()
	if d.batches != visitBatches {
		t.Errorf("one visit took %d batches, want %d", d.batches, visitBatches)
	}
}

func TestACycleAllocatesNothing(t *testing.T) {
	for _, frames := range []int{0, 1, frame.MaxBatch} {
		w, _ := cycleWorker(t, frames)
		if n := testing.AllocsPerRun(1000, w.cycle); n != 0 {
			t.Errorf("a cycle with batches of %d: %v allocations, want 0", frames, n)
		}
	}
}

// BenchmarkWorkerCycle is the worker's own cost: of a cycle in which nothing arrives, and of cycles
// under full load.
func BenchmarkWorkerCycle(b *testing.B) {
	b.Run("idle-1queue", func(b *testing.B) { benchCycle(b, 0) })
	b.Run("full-batch", func(b *testing.B) { benchCycle(b, frame.MaxBatch) })
}

func benchCycle(b *testing.B, frames int) {
	w, _ := cycleWorker(b, frames)
	b.ReportAllocs()
	for b.Loop() {
		w.cycle()
	}
	if frames > 0 {
		packets := float64(b.N * frames * visitBatches)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/packets, "ns/pkt")
	}
}
