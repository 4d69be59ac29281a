package virtq_test

import (
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq"
)

// A device that is killed after any number of chains, with some of them not taken yet, has a successor that nobody can
// tell where it stopped.
func TestAPackedRingTellsWhereTheDeviceWas(t *testing.T) {
	for _, s := range shapes(16) {
		if !s.packed || s.driver.Table == 0 { // with tables each chain is one descriptor
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			for rounds := range 40 {
				w := newWorld(t, s)
				for round := range rounds {
					w.sendAndReturn(7 * round) // one chain each
				}
				want := w.device.Position()
				w.config.Position, w.config.Unsure = virtq.PackedStart, true
				w.device = w.newDevice()
				if got := w.device.Position(); got != want {
					t.Fatalf("after %d chains: the device goes on at %#x, want %#x", rounds, got, want)
				}
				w.sendAndReturn(0)
			}
		})
	}
}
