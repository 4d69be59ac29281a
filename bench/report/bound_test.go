package report

import (
	"testing"

	"github.com/culvertdev/culvert/bench/result"
)

// Who looks worse while the generator was its limit could do better than it seems.
func TestNoWordGoesAgainstABound(t *testing.T) {
	run := func(first, second float64, limited string) *result.Run {
		var list []result.Window
		for turn := range 8 {
			w := mpps([]string{"culvert", "ovs"}[turn%2], turn, []float64{first, second}[turn%2]+0.01*float64(turn), "near")
			w.Limited = w.Contender == limited
			list = append(list, w)
		}
		return runOf(ratesRow("port rule", 0, list...))
	}
	for _, c := range []struct {
		first, second float64
		limited, want string
	}{
		{20, 15, "", "better"}, {15, 20, "", "worse"},
		{20, 15, "culvert", "better"}, {15, 20, "ovs", "worse"},
		{15, 20, "culvert", "the generator was the limit"}, {20, 15, "ovs", "the generator was the limit"},
	} {
		s := Summaries(run(c.first, c.second, c.limited))
		if _, word := s[0].judge(s[0].Entries[1]); word != c.want {
			t.Errorf("%v to %v, the generator the limit of %q: got %q, want %q", c.first, c.second, c.limited, word, c.want)
		}
	}
}
