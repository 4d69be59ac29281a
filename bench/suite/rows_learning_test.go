package suite

import (
	"slices"
	"testing"

	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/rows"
)

// The second figure is the one that depends on the machine.
func TestARowOfTwoFiguresIsOfTheStateInWhichTheSecondWasTaken(t *testing.T) {
	far := &method.Tried{Rate: 100, Outcome: method.Outcome{Probes: []float64{400, 420}, Class: "far"}}
	made := []rows.Learned{{Seen: rows.Seen{Probes: []float64{70, 80}}}, {Seen: rows.Seen{Probes: []float64{400, 420}}}}
	for _, tt := range []struct {
		rate  method.Found
		class string
		want  []float64
	}{
		{method.Found{Passed: far}, "far", []float64{400, 420}},
		{method.Found{}, "mixed", []float64{70, 420}},
	} {
		w := bothOf(rows.RecordCapacity(method.Counted{Passed: 1, Failed: 2}, made[:1]), rows.RecordLearnRate(tt.rate, made)).Window
		if w.Class != tt.class || !slices.Equal(w.Distance, tt.want) {
			t.Errorf("class %s by %v, want %s by %v", w.Class, w.Distance, tt.class, tt.want)
		}
	}
}

// How many addresses a switch knows may be found where the generator is too slow to find how fast it learns them.
func TestWhatLimitsOneFigureOfARowIsNotTheOthersLimit(t *testing.T) {
	row := learningRows()[0]
	at := func(rate float64) *method.Tried { return &method.Tried{Rate: rate} }
	exact, open := method.Counted{Passed: 8191, Failed: 8192}, method.Counted{Passed: 20_000}
	for _, tt := range []struct {
		name     string
		capacity method.Counted
		rate     method.Found
		want     []string // figures that stand for themselves
		limited  bool
	}{
		{"both found", exact, method.Found{Passed: at(100), Failed: at(101)}, nil, false},
		{"the rate is not", exact, method.Found{Passed: at(100)}, []string{"addresses"}, true},
		{"the number is not", open, method.Found{Passed: at(100), Failed: at(101)}, []string{"addresses learned"}, true},
		{"neither", open, method.Found{Passed: at(100)}, nil, true},
	} {
		w := bothOf(rows.RecordCapacity(tt.capacity, nil), rows.RecordLearnRate(tt.rate, nil)).Window
		if !slices.Equal(w.Exact, tt.want) || w.Limited != tt.limited || len(w.Figures) != 2 {
			t.Errorf("%s: %+v, want %q, limited: %v", tt.name, w, tt.want, tt.limited)
		}
		w.Contender, w.Round = "culvert", 1
		kept := result.Row{Measures: row.Measures, Windows: []result.Window{w}}
		for _, m := range kept.Measures {
			if got, want := kept.Figures("culvert", "", m).Limited > 0, tt.limited && !slices.Contains(tt.want, m.Name); got != want {
				t.Errorf("%s: %s is limited: %v, want %v", tt.name, m.Name, got, want)
			}
		}
	}
}
