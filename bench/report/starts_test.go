package report

import (
	"testing"

	"github.com/culvertdev/culvert/bench/result"
)

// turns is a row of two switches in turns: each start has a rate of its own, in Mpps, and six windows that hardly differ.
func turns(first, second []float64) *result.Run {
	row := ratesRow("port rule", 0)
	for round := range first {
		for turn := range 12 {
			name, rate := "culvert", first[round]
			if turn%4 == 1 || turn%4 == 2 {
				name, rate = "ovs", second[round]
			}
			w := mpps(name, turn, rate+0.001*float64(turn), "near")
			w.Round, w.Beside = round+1, true
			row.Windows = append(row.Windows, w)
		}
	}
	return runOf(row)
}

// Starts of one switch differ more than windows of one start do.
func TestAWordIsByStartsOrSaysOfHowFew(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second []float64
		want          string
	}{
		{"one start", []float64{20}, []float64{19.5}, "better (one start)"},
		{"one start, slower", []float64{19}, []float64{19.5}, "worse (one start)"},
		{"three starts", []float64{20, 21, 22}, []float64{17, 18, 19}, "better (3 starts)"},
		{"four starts", []float64{20, 21, 22, 23}, []float64{16, 17, 18, 19}, "better"},
		{"four starts that differ more than the switches do", []float64{20, 21, 22, 30}, []float64{19, 19.2, 19.4, 29}, "within the noise"},
	} {
		s := Summaries(turns(c.first, c.second))
		if len(s) != 1 || len(s[0].Entries) != 2 || s[0].Entries[1].Starts != len(c.first) || s[0].Entries[1].Windows != 6*len(c.first) {
			t.Fatalf("%s: got %+v", c.name, s)
		}
		if _, word := s[0].judge(s[0].Entries[1]); word != c.want {
			t.Errorf("%s: got %q, want %q", c.name, word, c.want)
		}
	}
	var fresh []result.Window
	for turn := range 8 {
		fresh = append(fresh, mpps([]string{"culvert", "ovs"}[turn%2], turn, []float64{20, 15}[turn%2]+0.1*float64(turn), "near"))
	}
	s := Summaries(runOf(ratesRow("port rule", 0, fresh...)))
	if _, word := s[0].judge(s[0].Entries[1]); word != "better" || s[0].Entries[1].Starts != 4 {
		t.Errorf("windows of fresh switches: got %q of %d starts, want better of 4", word, s[0].Entries[1].Starts)
	}
}
