package storm

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/encap/wire"
)

func TestEachPacketOfAStormIsANewFlow(t *testing.T) {
	for _, k := range []Kind{Tuples, MACs} {
		seen := make(map[[size]byte]bool)
		p := template(stormHost, stormOut)
		for n := range uint32(100_000) {
			renew(p[:], k, n)
			if seen[p] {
				t.Fatalf("%v: packet %d was there before", k, n)
			}
			seen[p] = true
			if sum := wire.Checksum(p[atIP:atUDP]); sum != 0 {
				t.Fatalf("%v: packet %d: the header sums to %#x, want 0", k, n, sum)
			}
		}
	}
}

func TestAPacerKeepsItsRateAndMakesNothingUp(t *testing.T) {
	start := time.Unix(0, 0)
	p := pacer{rate: 1e6, start: start}
	for _, c := range []struct {
		at         time.Duration
		want, late int
	}{
		{0, 0, 0},
		{100 * time.Microsecond, 100, 0},
		{150 * time.Microsecond, 50, 0},
		{time.Second, burst, 1e6 - 150 - burst}, // it was late
		{time.Second + 1500*time.Nanosecond, 1, 1e6 - 150 - burst},
	} {
		if got := p.due(start.Add(c.at)); got != c.want || int(p.late) != c.late {
			t.Errorf("after %v: got %d due and %d late, want %d and %d", c.at, got, p.late, c.want, c.late)
		}
	}
}
