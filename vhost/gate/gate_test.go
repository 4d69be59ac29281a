package gate

import (
	"sync"
	"testing"
)

// TestNobodyIsInsideWhenAGateIsShut has workers change what the session changes as well: with the race detector on,
// two at a time are found.
func TestNobodyIsInsideWhenAGateIsShut(t *testing.T) {
	var g Gate
	var ring, entered int
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if !g.Enter() {
					continue
				}
				ring++
				entered++
				g.Leave()
			}
		})
	}
	for range 200 {
		g.Shut()
		if g.IsOpen() || g.Enter() {
			t.Fatal("a gate that is shut is open")
		}
		ring = 0
		g.Open()
	}
	for entered := 0; entered == 0; { // a worker has been in at least once
		g.Shut()
		entered = ring
		g.Open()
	}
	close(stop)
	wg.Wait()
}

func TestAGateBarredFromInsideStaysShut(t *testing.T) {
	var g Gate
	if !g.Enter() {
		t.Fatal("the zero gate is not open")
	}
	g.Bar()
	g.Leave()
	if g.Enter() {
		t.Error("entered a gate that was barred")
	}
	g.Shut()
	g.Open()
	if !g.Enter() {
		t.Error("a gate that was opened again lets nobody in")
	}
}
