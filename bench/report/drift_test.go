package report

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/result"
)

// drifts is a run in turns of a machine that gets slower from window to window, to a third of what it was in six rounds. The first switch does so many times as much as the second, and each
// start is faster or slower by some thousandths.
func drifts(rounds int, times float64, r *rand.Rand) *result.Run {
	row := ratesRow("port rule", 0)
	for round := range rounds {
		start := map[string]float64{"culvert": times * math.Exp(0.004*r.NormFloat64()), "ovs": math.Exp(0.004 * r.NormFloat64())}
		for turn := range 12 {
			name := "culvert"
			if turn%4 == 1 || turn%4 == 2 {
				name = "ovs"
			}
			machine := math.Pow(3, -float64(12*round+turn)/72)
			w := mpps(name, turn, 20*machine*start[name]*math.Exp(0.001*r.NormFloat64()), "near")
			w.Round, w.Beside = round+1, true
			row.Windows = append(row.Windows, w)
		}
	}
	return runOf(row)
}

// Figures of both fall all the time, and one is 5 % better at any time.
func TestADriftHidesNoDifferenceFromPairs(t *testing.T) {
	for _, c := range []struct {
		rounds int
		word   string
	}{{1, "better (one start)"}, {2, "better (2 starts)"}, {3, "better (3 starts)"}, {6, "better"}, {8, "better"}} {
		s := Summaries(drifts(c.rounds, 1.05, rand.New(rand.NewPCG(5, 6))))[0]
		e := s.Entries[1]
		if _, word := s.judge(e); word != c.word {
			t.Errorf("%d rounds: got %q, want %q", c.rounds, word, c.word)
		}
		if e.Between == nil || e.Between.Low < 1.02 || e.Between.High > 1.08 || e.Ratio < e.Between.Low || e.Ratio > e.Between.High {
			t.Errorf("%d rounds: the ratio is %v, between %+v, want about 1.05", c.rounds, e.Ratio, e.Between)
		}
	}
}

// Without a difference a word is said in one of twenty runs at most, whatever the machine does meanwhile.
func TestADriftMakesNoDifference(t *testing.T) {
	for _, rounds := range []int{4, 5, 6, 9} {
		const runs = 1000
		said := 0
		r := rand.New(rand.NewPCG(7, uint64(rounds)))
		for range runs {
			if Summaries(drifts(rounds, 1, r))[0].Entries[1].Certain {
				said++
			}
		}
		if most := 0.05*runs + 3*math.Sqrt(0.05*0.95*runs); float64(said) > most {
			t.Errorf("%d rounds: a difference in %d of %d runs without one, want %.0f at most", rounds, said, runs, most)
		}
	}
}

// Six windows of a start are no six starts: where a median lies is by starts, of which there are two here.
func TestWhereAMedianLiesIsByStarts(t *testing.T) {
	run := turns([]float64{20, 24}, []float64{10, 12})
	e := Summaries(run)[0].Entries[0]
	if e.Where.Low > 20.01e6 || e.Where.High < 24e6 || e.Where.Confidence > 0.5 {
		t.Errorf("the median lies between %+v, want all of two starts, and no more certain than two figures are", e.Where)
	}
	var b bytes.Buffer
	if err := Text(&b, run); err != nil || !strings.Contains(b.String(), "2.00 × (2.00 to 2.00)") {
		t.Errorf("where the ratio lies is not said: %v\n%s", err, b.String())
	}
}

// The whiskers of a latency plot, too, reach over all of several starts, and are no surer than these.
func TestWhereAPercentileLiesIsByStarts(t *testing.T) {
	run := turns([]float64{20, 24}, []float64{10, 12})
	row := &run.Rows[0]
	for i := range row.Windows {
		w := &row.Windows[i]
		w.Latency = []result.Percentile{{Percent: 50, Ns: 1000 * float64(w.Round)}, {Percent: 99, Ns: 4000}}
	}
	f, ok := latencyFigure("l", row, "near", "port rule", numbersOf(run))
	if !ok || !strings.Contains(string(f.SVG), `class="whisker s0"`) {
		t.Fatalf("there is no whisker: %v, %s", ok, f.SVG)
	}
	if got := f.Cells[0][1].Text; got != "1.50 µs (1.00 µs to 2.00 µs)" {
		t.Errorf("the table below it says %q", got)
	}
	m := result.Measure{Percentile: 50}
	if where := whereOf(row.Figures("culvert", "near", m).Values, row.Starts("culvert", "near", m).Values); where.Low != 1000 || where.High != 2000 || where.Confidence != 0.5 {
		t.Errorf("it lies between %+v, want 1000 and 2000, with a certainty of a half", where)
	}
}
