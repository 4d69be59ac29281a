package virtq_test

import (
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// TestADriverKnowsWhereItsDeviceStopped has a device give back some of what it took, and the driver reap some of that:
// both name the same place to go on when nothing is under way, and the driver the last one given back when
// something is.
func TestADriverKnowsWhereItsDeviceStopped(t *testing.T) {
	for _, s := range shapes(16) {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			guest := w.guest.(interface{ Position() uint32 })
			var done [3]driver.Done
			for round := range 200 {
				for i := range 1 + round%5 {
					a := driver.Buffer{Addr: w.data + uint64(i)*64, Len: 64}
					w.guest.Add(uint32(i), []driver.Buffer{a, a}[:1+i%2], nil)
				}
				w.guest.Publish()
				stopped := w.device.Position()
				if got := guest.Position(); got != stopped {
					t.Fatalf("round %d: %#x before anything is taken, want %#x", round, got, stopped)
				}
				n, err := w.device.Take(&w.chains, 64)
				if err != nil {
					t.Fatal(err)
				}
				if got := guest.Position(); got != stopped {
					t.Fatalf("round %d: %#x while all are under way, want %#x", round, got, stopped)
				}
				w.device.Give(&w.chains, n)
				w.device.Publish()
				for ok := true; ok; ok = w.guest.Reap(done[:1+round%3]) > 0 {
					if got, want := guest.Position(), w.device.Position(); got != want {
						t.Fatalf("round %d: %#x, and the device is at %#x", round, got, want)
					}
				}
			}
		})
	}
}
