package vhost

import (
	"testing"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// TestAFewPacketsAreGivenBackWhenTheyHaveLeft: the guest gets their buffers at the next visit, or before the worker sleeps; those of a packed ring at once.
func TestAFewPacketsAreGivenBackWhenTheyHaveLeft(t *testing.T) {
	for name, s := range shapes() {
		t.Run(name, func(t *testing.T) {
			b := connected(t, s)
			var done [pmd.Few]driver.Done
			for n := 1; n <= pmd.Few; n++ {
				packets := make([][]byte, n)
				for i := range packets {
					packets[i] = number(i, 60)
				}
				b.g.send(0, nil, packets...)
				got := 0
				eventually(t, "packets come in", func() bool { got = b.poll(0); return got > 0 })
				if got != n {
					t.Fatalf("%d packets came in, want %d", got, n)
				}
				ring := b.g.rings[1]
				if s.features.Has(proto.RingPacked) { // they come back at once
					if got := ring.Reap(done[:]); got != n {
						t.Errorf("%d packets: %d came back, want all", n, got)
					}
					continue
				}
				if got := ring.Reap(done[:]); got != 0 {
					t.Errorf("%d packets: %d came back while they are handled, want none", n, got)
				}
				if n%2 == 0 {
					b.p.rx[0].Arm()
				} else {
					b.poll(0)
				}
				if got := ring.Reap(done[:]); got != n {
					t.Errorf("%d packets: %d came back, want all", n, got)
				}
			}
		})
	}
}
