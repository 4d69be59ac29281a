package suite

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/rows"
)

func TestEveryRowCanBeKept(t *testing.T) {
	run := result.Run{Schema: result.Schema, Program: "bench"}
	for _, r := range Rows() {
		s := sample{Cell: Cell{&r, "packed", 64}, Contender: "mine"}
		run.Rows = append(run.Rows, s.row())
	}
	if err := run.Check(); err != nil {
		t.Error(err)
	}
}

// Of the probes of an hour the least and the most are far apart, though the machine was in one state all the time.
func TestALongRunIsOfTheClassAroundIt(t *testing.T) {
	var long rows.Soak
	for i := range 60 {
		long.Intervals = append(long.Intervals, rows.Interval{Seen: rows.Seen{Probes: []float64{150 + 3*float64(i), 160}}})
	}
	if c := long.Record().Window.Class; c != result.Mixed {
		t.Fatalf("all probes together are of class %q: the test says nothing", c)
	}
	s := sampleOf(Cell{rowOf(t, "soak"), "split", 64}, "culvert", 0, 10, 200, 210, 0)
	s.Probes = ofAll(long.Record()).Window.Distance
	if s.class() != "middle" {
		t.Errorf("the window is of class %s, want middle", s.class())
	}
}

func TestAThroughputIsKeptWithLatencyAndLossAtItsShares(t *testing.T) {
	tried := func(rate float64, lost uint64) method.Tried {
		return method.Tried{Rate: rate, Duration: time.Second, Outcome: method.Outcome{Offered: uint64(rate), Lost: lost, P50: 1000, P99: 2000, P999: 2500, P9999: 3000}}
	}
	none, little, failed := tried(1e6, 0), tried(1.1e6, 100), tried(1.2e6, 1e5)
	r := throughputRecord(
		[]method.Found{{Passed: &none, Failed: &failed}, {Loss: 0.005, Passed: &little, Failed: &failed}},
		[]method.Tried{tried(1e5, 0), tried(5e5, 0), tried(9e5, 0)}, []method.Tried{tried(8e5, 0), tried(1.6e6, 4e5)})
	w := r.Window
	for name, want := range map[string]float64{"no loss": 1e6, "loss of 0.5 % at most": 1.1e6, "half within at 10 % of it": 1000, "99.9 % within at 50 % of it": 2500, "99.99 % within at 90 % of it": 3000} {
		if w.Figures[name] != want {
			t.Errorf("%s: %v, want %v", name, w.Figures[name], want)
		}
	}
	if w.Limited || len(w.Load) != 2 || w.Load[1].Received != 1.2e6 || len(w.Latency) != 4 {
		t.Errorf("%+v", w)
	}
	held := tried(5e5, 0)
	held.Limits = []string{"the generator did not keep up"}
	w2 := throughputRecord([]method.Found{{Passed: &none, Failed: &failed}, {Loss: 0.005, Passed: &little, Failed: &failed}}, []method.Tried{tried(1e5, 0), held, tried(9e5, 0)}, nil).Window
	if _, there := w2.Figures["half within at 50 % of it"]; there || w2.Latency != nil || w2.Figures["half within at 90 % of it"] != 1000 {
		t.Errorf("latencies that were the generator's are kept as the switch's: %+v", w2)
	}
	known := throughputRecord(nil, nil, nil).Measures
	for name := range w.Figures {
		if _, ok := (&result.Row{Measures: known}).Measure(name); !ok {
			t.Errorf("the row does not have the measure %q", name)
		}
	}
}
