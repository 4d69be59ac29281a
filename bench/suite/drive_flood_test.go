package suite

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/flood"
)

func TestPacketsThatARuleDropsAreTakenAndDoNotArrive(t *testing.T) {
	for _, c := range []struct {
		name string
		n    flood.Counts
		want string
	}{
		{"all are dropped", flood.Counts{Offered: 1_000_000}, ""},
		{"one arrives", flood.Counts{Offered: 1_000_000, Received: 1}, "1 packets arrived"},
		{"the guests fill their rings, and the switch takes nothing", flood.Counts{Offered: 2 * flood.RingSize}, "took next to none"},
		{"nothing is offered", flood.Counts{}, "took next to none"},
	} {
		if err := dropped(c.n); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
