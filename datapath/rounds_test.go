package datapath

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestCallersAtTheSameTimeShareARound(t *testing.T) {
	var r rounds
	var done int
	begun, gate := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { r.do(func() { close(begun); <-gate; done++ }) })
	<-begun
	const callers = 100
	var calling atomic.Int32
	for range callers {
		all.Go(func() {
			calling.Add(1)
			r.do(func() { done++ })
		})
	}
	for calling.Load() < callers {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // from having said so to waiting
	close(gate)
	all.Wait()
	if done != 2 {
		t.Errorf("%d rounds for %d callers during one: want that and one more", done, callers)
	}
}

// Whatever a caller did before it called is seen by a round that begins later and ends before it returns.
func TestARoundSeesWhatItsCallersDidBefore(t *testing.T) {
	var r rounds
	var written, seen atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				mine := written.Add(1)
				r.do(func() {
					now := written.Load()
					time.Sleep(time.Microsecond)
					seen.Store(now)
				})
				if got := seen.Load(); got < mine {
					t.Errorf("after writing %d a round has seen %d", mine, got)
				}
			}
		})
	}
	all.Wait()
}
