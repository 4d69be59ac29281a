package frame

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/ring"
)

func TestTheArenaCanBeUsedUpAndComesBack(t *testing.T) {
	for _, buffers := range []int{1, 63, 64, 65, 200, 1024} {
		p := newPool(t, Options{Buffers: buffers})
		c := newCache(t, p)
		for round := range 3 {
			var out []Frame
			for f, ok := c.Get(); ok; f, ok = c.Get() {
				out = append(out, f)
			}
			if len(out) != buffers {
				t.Fatalf("round %d: %d of %d buffers were to be had", round, len(out), buffers)
			}
			for _, f := range out {
				c.Put(f)
			}
		}
	}
}

func TestFillTakesWhatIsThere(t *testing.T) {
	p := newPool(t, Options{Buffers: 70})
	c := newCache(t, p)
	var a, b Batch
	if n := c.Fill(&a, -1); n != 0 {
		t.Errorf("asked for -1: %d", n)
	}
	if n := c.Fill(&a, 5); n != 5 || a.Len() != 5 {
		t.Errorf("asked for 5: %d", n)
	}
	if n := c.Fill(&a, 1000); n != MaxBatch-5 || a.Room() != 0 {
		t.Errorf("asked for more than fits: %d", n)
	}
	if n := c.Fill(&b, MaxBatch); n != 70-MaxBatch || b.Len() != n {
		t.Errorf("asked for more than there are: %d", n)
	}
	c.PutBatch(&a)
	c.PutBatch(&b)
	if a.Len() != 0 {
		t.Error("a batch that was freed is not empty")
	}
}

func TestCachesAreLimited(t *testing.T) {
	p := newPool(t, Options{Buffers: 64, Caches: 2})
	a, b := newCache(t, p), newCache(t, p)
	if _, err := p.NewCache(); !errors.Is(err, ErrCaches) {
		t.Errorf("a third of two: %v, want ErrCaches", err)
	}
	b.Close()
	b.Close() // closing again does nothing
	c, err := p.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	if c.Pool() != p || a.Pool() != p {
		t.Error("a cache does not know its pool")
	}
	c.Close()
}

// TestPutNeverFailsHoweverCachesComeAndGo takes most of the buffers through caches that each leave a
// partial magazine behind, then frees them all through one cache while all others are open and empty:
// the case in which empty magazines are scarcest.
func TestPutNeverFailsHoweverCachesComeAndGo(t *testing.T) {
	for _, caches := range []int{1, 3, 8, 20} {
		for _, leave := range []int{1, 31, 63} {
			p := newPool(t, Options{Buffers: 64 * caches, Caches: caches})
			var out []Frame
			for range 3 {
				out = append(out, takeAndLeave(t, p, caches, leave)...)
			}
			open := make([]*Cache, caches)
			for i := range open {
				open[i], _ = p.NewCache()
			}
			for _, f := range out {
				open[0].Put(f)
			}
			for _, c := range open {
				c.Close()
			}
		}
	}
}

// takeAndLeave opens caches, takes from each what one magazine gives but leave buffers, and closes them.
func takeAndLeave(t *testing.T, p *Pool, caches, leave int) (out []Frame) {
	t.Helper()
	var open []*Cache
	for range caches {
		c, err := p.NewCache()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		for range magazineSize - leave {
			if f, ok := c.Get(); ok {
				out = append(out, f)
			}
		}
	}
	for _, c := range open {
		c.Close()
	}
	return out
}

// TestCachesTradeUnderLoad has goroutines allocate, pass frames around and free what others allocated,
// opening and closing caches all the while. The audit finds buffers with two owners, the race detector
// hand-overs without order, the pool's Close leaks.
func TestBuffersAreFreeThatNobodyHasNorHasInStock(t *testing.T) {
	const n = 10*magazineSize + 5
	p := newPool(t, Options{Buffers: n})
	c := newCache(t, p)
	var out []Frame
	for range 3 {
		for range 2*magazineSize + 1 {
			f, ok := c.Get()
			if !ok {
				t.Fatal("no buffer left")
			}
			out = append(out, f)
		}
		if got, want := p.Free(), n-len(out)-int(c.n+c.pn); got != want {
			t.Errorf("%d out, %d in stock: %d free, want %d", len(out), c.n+c.pn, got, want)
		}
	}
	for _, f := range out {
		c.Put(f)
	}
	if got, want := p.Free(), n-int(c.n+c.pn); got != want {
		t.Errorf("all back: %d free, want %d", got, want)
	}
	c.Close()
	if got := p.Free(); got != n {
		t.Errorf("cache closed: %d free, want %d", got, n)
	}
}

func TestCachesTradeUnderLoad(t *testing.T) {
	const goroutines, rounds = 8, 3000
	p := newPool(t, Options{Buffers: 900, Caches: goroutines})
	market := ring.NewSPSC[Frame](512)
	var mu sync.Mutex // of market
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(5, uint64(g)))
			var c *Cache
			for range rounds {
				if c == nil {
					var err error
					if c, err = p.NewCache(); err != nil {
						t.Error(err)
						return
					}
				}
				tradeOnce(p, c, rng, market, &mu)
				if rng.IntN(20) == 0 {
					c.Close()
					c = nil
				}
			}
			if c != nil {
				c.Close()
			}
		})
	}
	wg.Wait()
	c := newCache(t, p)
	for f, ok := market.Pop(); ok; f, ok = market.Pop() {
		c.Put(f)
	}
	if got, want := p.Free(), p.Buffers()-int(c.n+c.pn); got != want {
		t.Errorf("%d buffers are free, want %d", got, want)
	}
}

func tradeOnce(p *Pool, c *Cache, rng *rand.Rand, market *ring.SPSC[Frame], mu *sync.Mutex) {
	var b Batch
	c.Fill(&b, rng.IntN(MaxBatch))
	for i := range b.Frames() {
		f := &b.Frames()[i]
		p.SetLen(f, 8)
		copy(p.Bytes(*f), "whatever")
		p.Meta(*f).InPort++
	}
	mu.Lock()
	sold := market.PushN(b.Frames())
	mu.Unlock()
	for _, f := range b.Frames()[sold:] {
		c.Put(f)
	}
	b.Reset()
	runtime.Gosched()
	mu.Lock()
	for range rng.IntN(MaxBatch) {
		if f, ok := market.Pop(); ok {
			b.Append(f)
		}
	}
	mu.Unlock()
	for _, f := range b.Frames() {
		p.Meta(f).InPort++
	}
	c.PutBatch(&b)
}

func TestTheAuditCatchesADoubleFree(t *testing.T) {
	p := newPool(t, Options{Buffers: 8})
	c := newCache(t, p)
	f := mustGet(t, c)
	c.Put(f)
	wantPanic(t, "freed twice", func() { c.Put(f) })
	part := chainOf(t, p, c, 5, 5)
	tail, _ := p.Next(part)
	c.Put(part)
	wantPanic(t, "freed twice", func() { c.Put(tail) })
}

func TestTheLeakCheckNamesWhatIsMissing(t *testing.T) {
	p, err := NewPool(Options{Buffers: 100, Huge: HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	want := func(text string) {
		t.Helper()
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want an error with %q", err, text)
		}
	}
	want("1 caches are open")
	f, g := mustGet(t, c), mustGet(t, c)
	c.Close()
	want("2 of 100 buffers have not come back")
	c, err = p.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	c.Put(f)
	c.Put(f) // no audit: the check finds it
	c.Close()
	want("on the free list twice")
	_ = g
	if err := p.Close(); err == nil {
		t.Error("Close did not report the leak")
	}
}

func TestAllocatingAndFreeingAllocateNothing(t *testing.T) {
	for _, audit := range []bool{false, true} {
		p, err := NewPool(Options{Buffers: 1024, Huge: HugeNever, Audit: audit})
		if err != nil {
			t.Fatal(err)
		}
		c, err := p.NewCache()
		if err != nil {
			t.Fatal(err)
		}
		b := new(Batch)
		if n := testing.AllocsPerRun(100, func() {
			var l List
			for range 5 {
				c.Fill(b, MaxBatch)
				for _, f := range b.Frames() {
					l.Push(p, f)
				}
				b.Reset()
			}
			for f, ok := l.Pop(p); ok; f, ok = l.Pop(p) {
				dup, _ := c.Copy(f)
				c.Put(dup)
				c.Put(f)
			}
		}); n != 0 {
			t.Errorf("audit %v: %v allocations, want 0", audit, n)
		}
		c.Close()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkCache is the cost of a frame's life in the arena: one that a worker frees itself, and one
// that another worker frees, so that magazines go through the depot.
func BenchmarkCache(b *testing.B) {
	p, err := NewPool(Options{Buffers: 8192})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for _, n := range []int{1, MaxBatch} {
		b.Run(fmt.Sprintf("own/%d", n), func(b *testing.B) {
			c := newCache(b, p)
			benchGetPut(b, c, c, n)
		})
	}
	b.Run(fmt.Sprintf("other/%d", MaxBatch), func(b *testing.B) {
		benchGetPut(b, newCache(b, p), newCache(b, p), MaxBatch)
	})
}

func benchGetPut(b *testing.B, from, to *Cache, n int) {
	batch := new(Batch)
	b.ReportAllocs()
	for b.Loop() {
		from.Fill(batch, n)
		to.PutBatch(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/pkt")
}
