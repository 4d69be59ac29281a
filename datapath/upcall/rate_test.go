package upcall

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newRate(perSecond int) *Rate {
	r := new(Rate)
	r.Set(perSecond)
	return r
}

func TestARateIsKeptWhateverComes(t *testing.T) {
	const perSecond = 1000
	r := newRate(perSecond)
	taken := 0
	start := int64(time.Hour)
	for now := start; now < start+int64(10*time.Second); now += int64(100 * time.Microsecond) {
		if r.Take(now) {
			taken++
		}
	}
	if most := 10*perSecond + perSecond/10 + 1; taken < 10*perSecond || taken > most {
		t.Errorf("%d flows in 10 s at %d a second, want %d to %d", taken, perSecond, 10*perSecond, most)
	}
}

func TestABurstIsATenthOfASecond(t *testing.T) {
	r := newRate(1000)
	n := 0
	for r.Take(int64(time.Hour)) {
		n++
	}
	if n != 101 {
		t.Errorf("%d flows at once, want what 100 ms leave and the one that is due", n)
	}
}

func TestWithoutARateEverythingPasses(t *testing.T) {
	r := newRate(1)
	r.Set(0)
	for range 1000 {
		if !r.Take(1) {
			t.Fatal("rate 0 bounds something")
		}
	}
}

func TestWorkersShareARate(t *testing.T) {
	r := newRate(1000)
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if r.Take(int64(time.Hour)) {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 101 {
		t.Errorf("four workers took %d, want 101", n)
	}
}
