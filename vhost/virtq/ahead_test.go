package virtq_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// TestLookingAheadTakesAndChangesNothing has a device look ahead before each step, at rings that are empty, have buffers, and
// wrap around.
func TestLookingAheadTakesAndChangesNothing(t *testing.T) {
	for _, s := range shapes(16) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			ahead := func() {
				t.Helper()
				before, at := bytes.Clone(w.memory), w.device.Position()
				w.device.(interface{ Ahead() }).Ahead()
				if !bytes.Equal(w.memory, before) || w.device.Position() != at || w.device.Err() != nil {
					t.Fatalf("looking ahead has changed something, or failed: %v", w.device.Err())
				}
			}
			for round := range 50 {
				ahead()
				n := 1 + round%5
				for i := range n {
					w.guest.AddOne(uint32(i), driver.Buffer{Addr: w.data + uint64(i)*2048, Len: uint32(1 + 40*i)}, true)
				}
				w.guest.Publish()
				ahead()
				if got, err := w.device.Take(&w.chains, 64); got != n || err != nil {
					t.Fatalf("round %d: took %d chains, %v, want %d", round, got, err, n)
				}
				ahead()
				w.device.Give(&w.chains, n)
				ahead()
				w.device.Publish()
				if got := w.guest.Reap(w.done[:]); got != n {
					t.Fatalf("round %d: %d chains came back, want %d", round, got, n)
				}
			}
		})
	}
}

// TestWhatIsWrongIsFoundWhenItIsTaken has a guest post a buffer that is nowhere: a look ahead passes it by.
func TestWhatIsWrongIsFoundWhenItIsTaken(t *testing.T) {
	for _, s := range shapes(16) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			w.guest.AddOne(0, driver.Buffer{Addr: math.MaxUint64 - 8, Len: 64}, true)
			w.guest.Publish()
			w.device.(interface{ Ahead() }).Ahead()
			if err := w.device.Err(); err != nil {
				t.Fatalf("looking ahead: %v", err)
			}
			if _, err := w.device.Take(&w.chains, 1); err == nil {
				t.Error("a buffer that is nowhere was taken")
			}
			w.device.(interface{ Ahead() }).Ahead() // a dead queue
		})
	}
}
