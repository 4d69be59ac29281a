package storm

import (
	"testing"
	"time"
)

// TestLossIsTheMachinesOnlyForAsLongAsTheWorkerWasAway plays rounds of a worker that takes a million packets a second.
func TestLossIsTheMachinesOnlyForAsLongAsTheWorkerWasAway(t *testing.T) {
	type round struct {
		passed, ran   time.Duration
		waiting, full int
		wait          time.Duration
	}
	const us, ms = time.Microsecond, time.Millisecond
	for name, c := range map[string]struct {
		rounds []round
		want   Gaps
	}{
		"nothing is lost":                  {[]round{{ms, ms, 0, 0, 0}, {ms, ms, 100, 0, 0}}, Gaps{}},
		"it was away":                      {[]round{{ms, ms, 0, 0, 0}, {5 * ms, 0, 900, 400, 0}, {ms, ms, 10, 0, 0}}, Gaps{LostParked: 400, Off: 5 * ms, Longest: 5 * ms}},
		"it waited":                        {[]round{{4 * ms, 0, 900, 400, 3 * ms}, {ms, ms, 0, 0, 0}}, Gaps{LostWaiting: 300, LostParked: 100, Off: 4 * ms, Longest: 4 * ms}},
		"away in two rounds":               {[]round{{3 * ms, 0, 900, 0, 0}, {2 * ms, 0, 1000, 4000, 0}, {ms, ms, 0, 0, 0}}, Gaps{LostParked: 4000, Off: 5 * ms, Longest: 5 * ms}},
		"away for a moment":                {[]round{{ms, 900 * us, 900, 250, 0}, {ms, ms, 0, 0, 0}}, Gaps{LostParked: 100, LostRunning: 150, Off: 100 * us, Longest: 100 * us}},
		"it ran":                           {[]round{{ms, ms, 900, 300, 0}, {ms, ms, 0, 0, 0}}, Gaps{LostRunning: 300}},
		"it was away, and had caught up":   {[]round{{5 * ms, 0, 900, 0, 0}, {ms, ms, 0, 0, 0}, {ms, ms, 900, 10, 0}, {ms, ms, 0, 0, 0}}, Gaps{LostRunning: 10, Off: 5 * ms, Longest: 5 * ms}},
		"it was away, and is catching up":  {[]round{{5 * ms, 0, 900, 0, 0}, {ms, ms, 500, 10, 0}, {ms, ms, 0, 0, 0}}, Gaps{LostParked: 10, Off: 5 * ms, Longest: 5 * ms}},
		"the phase ends with a full ring":  {[]round{{2 * ms, 0, 1000, 700, 0}}, Gaps{LostParked: 700, Off: 2 * ms, Longest: 2 * ms}},
		"away, back for a moment and away": {[]round{{ms, 0, 500, 0, 0}, {ms, ms / 2, 500, 0, 0}, {2 * ms, 0, 0, 0, 0}}, Gaps{Off: 3500 * us, Longest: 2 * ms}},
	} {
		ran, waited := time.Duration(0), time.Duration(0)
		now := time.Unix(1, 0)
		w := gapWatch{rate: 1e6, ring: 1024, look: func() (time.Duration, time.Duration, error) { return ran, waited, nil }}
		w.round(now, 0)
		for _, r := range c.rounds {
			now, ran, waited = now.Add(r.passed), ran+r.ran, waited+r.wait
			w.round(now, r.waiting)
			w.full(r.full)
		}
		w.settle()
		if w.Gaps != c.want || w.err != nil {
			t.Errorf("%s: got %+v, %v, want %+v", name, w.Gaps, w.err, c.want)
		}
	}
}
