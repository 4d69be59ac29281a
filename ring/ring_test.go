package ring

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// A queue is what both rings can do; the tests below run on either.
type queue interface {
	Push(uint64) bool
	PushN([]uint64) int
	Pop() (uint64, bool)
	PopN([]uint64) int
	Len() int
	Empty() bool
	Cap() int
}

func eachRing(t *testing.T, capacity int, test func(t *testing.T, q queue)) {
	t.Helper()
	t.Run("SPSC", func(t *testing.T) { test(t, NewSPSC[uint64](capacity)) })
	t.Run("MPSC", func(t *testing.T) { test(t, NewMPSC[uint64](capacity)) })
}

func TestCapacityIsRoundedUpToAPowerOfTwo(t *testing.T) {
	for _, c := range []struct{ ask, want int }{{1, 1}, {2, 2}, {3, 4}, {64, 64}, {65, 128}, {1000, 1024}} {
		eachRing(t, c.ask, func(t *testing.T, q queue) {
			if got := q.Cap(); got != c.want {
				t.Errorf("capacity for %d values: got %d, want %d", c.ask, got, c.want)
			}
		})
	}
}

func TestCapacityOutOfRangePanics(t *testing.T) {
	for _, n := range []int{-1, 0, maxCapacity + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a ring for %d values was made", n)
				}
			}()
			NewSPSC[byte](n)
		}()
	}
}

func TestAFullRingTakesWhatFits(t *testing.T) {
	eachRing(t, 4, func(t *testing.T, q queue) {
		if n := q.PushN([]uint64{1, 2, 3}); n != 3 {
			t.Fatalf("push of 3 into an empty ring of 4: took %d", n)
		}
		if n := q.PushN([]uint64{4, 5, 6}); n != 1 {
			t.Fatalf("push of 3 with room for 1: took %d", n)
		}
		if q.Push(7) || q.PushN([]uint64{7}) != 0 {
			t.Fatal("a full ring took a value")
		}
		if q.PushN(nil) != 0 || q.PopN(nil) != 0 {
			t.Fatal("a batch of none moved something")
		}
		got := make([]uint64, 8)
		if n := q.PopN(got); n != 4 || !slices.Equal(got[:n], []uint64{1, 2, 3, 4}) {
			t.Fatalf("got %v, want 1 2 3 4", got[:n])
		}
		if _, ok := q.Pop(); ok || !q.Empty() || q.Len() != 0 {
			t.Fatal("an emptied ring is not empty")
		}
	})
}

// TestTheRingAgreesWithASlice is the naive twin: random batches against a slice, over many rounds of
// the ring.
func TestTheRingAgreesWithASlice(t *testing.T) {
	for _, capacity := range []int{1, 2, 8, 64} {
		eachRing(t, capacity, func(t *testing.T, q queue) {
			rng := rand.New(rand.NewPCG(1, uint64(capacity)))
			var twin []uint64
			next := uint64(0)
			for range 20_000 {
				k := rng.IntN(2*capacity) + 1
				if rng.IntN(2) == 0 {
					next = pushBoth(t, q, &twin, next, k)
				} else {
					popBoth(t, q, &twin, k)
				}
				if q.Len() != len(twin) || q.Empty() != (len(twin) == 0) {
					t.Fatalf("length %d, empty %v; want %d", q.Len(), q.Empty(), len(twin))
				}
			}
		})
	}
}

// pushBoth pushes k values from next on and returns the value after the last one taken.
func pushBoth(t *testing.T, q queue, twin *[]uint64, next uint64, k int) uint64 {
	t.Helper()
	vs := make([]uint64, k)
	for i := range vs {
		vs[i] = next + uint64(i)
	}
	want := min(k, q.Cap()-len(*twin))
	got := 0
	if k == 1 {
		if q.Push(vs[0]) {
			got = 1
		}
	} else {
		got = q.PushN(vs)
	}
	if got != want {
		t.Fatalf("push of %d with %d inside: took %d, want %d", k, len(*twin), got, want)
	}
	*twin = append(*twin, vs[:got]...)
	return next + uint64(got)
}

func popBoth(t *testing.T, q queue, twin *[]uint64, k int) {
	t.Helper()
	dst := make([]uint64, k)
	n := 0
	if k == 1 {
		if v, ok := q.Pop(); ok {
			dst[0], n = v, 1
		}
	} else {
		n = q.PopN(dst)
	}
	want := (*twin)[:min(k, len(*twin))]
	if !slices.Equal(dst[:n], want) {
		t.Fatalf("pop of %d: got %v, want %v", k, dst[:n], want)
	}
	*twin = (*twin)[n:]
}

// TestProducersAndConsumerTrade runs one consumer against one producer (SPSC) or several (MPSC): all
// values arrive once, those of one producer in order. Under -race it also proves the hand-over of
// memory the values point at.
func TestProducersAndConsumerTrade(t *testing.T) {
	const each = 50_000
	for _, capacity := range []int{1, 8, 256} {
		t.Run(fmt.Sprintf("SPSC/%d", capacity), func(t *testing.T) {
			trade(t, NewSPSC[*item](capacity), 1, each)
		})
		t.Run(fmt.Sprintf("MPSC/%d", capacity), func(t *testing.T) {
			trade(t, NewMPSC[*item](capacity), 4, each)
		})
	}
}

// An item is plain memory that changes owner with the pointer.
type item struct{ producer, n int }

type itemQueue interface {
	Push(*item) bool
	PushN([]*item) int
	Pop() (*item, bool)
	PopN([]*item) int
}

func trade(t *testing.T, q itemQueue, producers, each int) {
	t.Helper()
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() { produce(q, p, each) })
	}
	next := make([]int, producers)
	dst := make([]*item, 7)
	for got := 0; got < producers*each; {
		n := q.PopN(dst)
		if n == 0 {
			if v, ok := q.Pop(); ok {
				dst[0], n = v, 1
			} else {
				runtime.Gosched()
			}
		}
		for _, it := range dst[:n] {
			if it.n != next[it.producer] {
				t.Fatalf("producer %d: got value %d, want %d", it.producer, it.n, next[it.producer])
			}
			next[it.producer]++
			it.n = -1 // the consumer's now
		}
		got += n
	}
	wg.Wait()
	if _, ok := q.Pop(); ok {
		t.Error("more came out than went in")
	}
}

func produce(q itemQueue, producer, each int) {
	rng := rand.New(rand.NewPCG(2, uint64(producer)))
	var batch []*item
	for n := 0; n < each; {
		batch = batch[:0]
		for i := range min(rng.IntN(10)+1, each-n) {
			batch = append(batch, &item{producer, n + i})
		}
		for len(batch) > 0 {
			k := 0
			if len(batch) > 1 {
				k = q.PushN(batch)
			} else if q.Push(batch[0]) {
				k = 1
			}
			if k == 0 {
				runtime.Gosched()
			}
			batch = batch[k:]
			n += k
		}
	}
}

func TestABatchStaysTogetherInAnMPSC(t *testing.T) {
	const rounds = 5_000
	q := NewMPSC[uint64](1024)
	var wg sync.WaitGroup
	for p := range uint64(3) {
		wg.Go(func() {
			batch := [4]uint64{p, p, p, p}
			for range rounds {
				for rest := batch[:]; len(rest) > 0; {
					// Only whole batches: a partial push is allowed to be apart.
					if q.Cap()-q.Len() < 64 {
						runtime.Gosched()
						continue
					}
					rest = rest[q.PushN(rest):]
				}
			}
		})
	}
	got := make([]uint64, 0, 3*4*rounds)
	for len(got) < cap(got) {
		if n := q.PopN(got[len(got):cap(got)]); n > 0 {
			got = got[:len(got)+n]
		} else {
			runtime.Gosched()
		}
	}
	wg.Wait()
	for i := 0; i < len(got); i += 4 {
		if !slices.Equal(got[i:i+4], []uint64{got[i], got[i], got[i], got[i]}) {
			t.Fatalf("batch at %d is mixed: %v", i, got[i:i+4])
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	eachRing(t, 64, func(t *testing.T, q queue) {
		batch := make([]uint64, 32)
		if n := testing.AllocsPerRun(1000, func() {
			q.PushN(batch)
			q.Push(1)
			q.Pop()
			q.PopN(batch)
		}); n != 0 {
			t.Errorf("%v allocations in a round, want 0", n)
		}
	})
}

// BenchmarkHandover is what one hand-over of frames costs both sides together: a batch between
// workers, a single frame from the slow path.
func BenchmarkHandover(b *testing.B) {
	for _, size := range []int{1, 32} {
		b.Run(fmt.Sprintf("SPSC/%d", size), func(b *testing.B) { handover(b, NewSPSC[uint64](1024), size) })
		b.Run(fmt.Sprintf("MPSC/%d", size), func(b *testing.B) { handover(b, NewMPSC[uint64](1024), size) })
	}
}

func handover(b *testing.B, q queue, size int) {
	batch := make([]uint64, size)
	b.ReportAllocs()
	for b.Loop() {
		q.PushN(batch)
		q.PopN(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/pkt")
}

// BenchmarkAcrossCores is a producer and a consumer on cores of their own: batches of 32 from the
// slow path to a worker under load.
func BenchmarkAcrossCores(b *testing.B) {
	b.Run("SPSC/32", func(b *testing.B) { acrossCores(b, NewSPSC[uint64](1024)) })
	b.Run("MPSC/32", func(b *testing.B) { acrossCores(b, NewMPSC[uint64](1024)) })
}

func acrossCores(b *testing.B, q queue) {
	const size = 32
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		batch := make([]uint64, size)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for range 64 {
				if q.PushN(batch) == 0 {
					runtime.Gosched()
				}
			}
		}
	})
	dst := make([]uint64, size)
	b.ReportAllocs()
	for b.Loop() {
		for n := 0; n < size; {
			k := q.PopN(dst[n:])
			if k == 0 {
				runtime.Gosched()
			}
			n += k
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/pkt")
	close(stop)
	wg.Wait()
}
