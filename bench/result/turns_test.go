package result

import (
	"slices"
	"testing"
)

// drifting is a row of two rounds of A B B A in turns, on a machine that gets faster all the time: a is twice as fast as b at any time.
func drifting() *Row {
	r := &Row{Measures: []Measure{{Name: "rate"}}}
	for round := 1; round <= 2; round++ {
		for turn, who := range []string{"a", "b", "b", "a", "a", "b", "b", "a"} {
			v := float64(1 + turn/2) // of neighbours the same
			if who == "a" {
				v *= 2
			}
			r.Windows = append(r.Windows, Window{Contender: who, Round: round, Turn: turn, Beside: true, Class: "near", Figures: map[string]float64{"rate": v}})
		}
	}
	return r
}

func TestARatioIsOfNeighbours(t *testing.T) {
	r := drifting()
	rate := r.Measures[0]
	if got := r.Pairs("a", "b", "near", rate); len(got) != 2 || !slices.Equal(got[0], []float64{2, 2, 2, 2}) || !slices.Equal(got[1], got[0]) {
		t.Errorf("got %v, want 2 of each pair of two rounds", got)
	}
	r.Windows[1].Disturbed, r.Windows[3].Class, r.Windows[4].LeftOut = "others", "far", "looked up otherwise"
	if got := slices.Concat(r.Pairs("a", "b", "near", rate)...); len(got) != 5 {
		t.Errorf("got %d pairs, want 5: those of three windows that do not count are none", len(got))
	}
	for i := range r.Windows {
		r.Windows[i].Disturbed = "others"
	}
	if got := slices.Concat(r.Pairs("a", "b", "near", rate)...); len(got) != 6 {
		t.Errorf("got %d pairs, want the 6 that count, since all are disturbed", len(got))
	}
	for i := range r.Windows {
		r.Windows[i].Beside = false
	}
	if got := r.Pairs("a", "b", "near", rate); got != nil {
		t.Errorf("windows of fresh switches have no neighbours: got %v", got)
	}
}

func TestWindowsOfOneStartAreOneFigureForAComparison(t *testing.T) {
	r := drifting()
	rate := r.Measures[0]
	if got := r.Starts("b", "near", rate).Values; !slices.Equal(got, []float64{2.5, 2.5}) {
		t.Errorf("got %v, want the median of each of two rounds", got)
	}
	if got := r.Figures("b", "near", rate).Values; len(got) != 8 {
		t.Errorf("got %d figures, want all 8", len(got))
	}
	for i := range r.Windows {
		r.Windows[i].Beside = false
	}
	if got := r.Starts("b", "near", rate).Values; len(got) != 8 {
		t.Errorf("got %d figures of fresh switches, want 8", len(got))
	}
}
