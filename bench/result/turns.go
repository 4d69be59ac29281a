package result

import (
	"slices"

	"github.com/culvertdev/culvert/bench/stat"
)

// Pairs returns, of windows in turns, the ratio of each figure of the first contender to that of the second's window next to it: the one with as many
// of its own before it in the round. Those of a round are of one start of each, and stand together. Both count, are of the class, and nobody disturbed them, unless there
// is no such pair.
func (r *Row) Pairs(first, second, class string, m Measure) (rounds [][]float64) {
	for _, calm := range []bool{true, false} {
		at := make(map[int]int) // of a round
		for i := range r.Windows {
			a := &r.Windows[i]
			if !a.Beside || a.Contender != first || !a.counts(class, calm) {
				continue
			}
			b := r.neighbour(a, second)
			if b == nil || !b.counts(class, calm) {
				continue
			}
			x, known := a.Value(m)
			y, too := b.Value(m)
			if !known || !too || y <= 0 {
				continue
			}
			if _, there := at[a.Round]; !there {
				at[a.Round], rounds = len(rounds), append(rounds, nil)
			}
			rounds[at[a.Round]] = append(rounds[at[a.Round]], x/y)
		}
		if len(rounds) > 0 {
			break
		}
	}
	return rounds
}

// counts reports whether a window counts, is of the class and, where that is asked for, left alone.
func (w *Window) counts(class string, calm bool) bool {
	return w.Class == class && w.LeftOut == "" && !(calm && w.Disturbed != "")
}

// neighbour is a contender's window next to another one's; nil if there is none.
func (r *Row) neighbour(w *Window, contender string) *Window {
	n := r.before(w)
	for i := range r.Windows {
		if b := &r.Windows[i]; b.Beside && b.Contender == contender && b.Round == w.Round && r.before(b) == n {
			return b
		}
	}
	return nil
}

// before is how many windows of its contender a window has before it in its round.
func (r *Row) before(w *Window) (n int) {
	for i := range r.Windows {
		if b := &r.Windows[i]; b.Contender == w.Contender && b.Round == w.Round && b.Turn < w.Turn {
			n++
		}
	}
	return n
}

// Starts is Figures with one figure for each start of the contender: windows in turns are of one switch that ran all the time, and so alike beyond chance;
// the median of those of a round stands for them.
func (r *Row) Starts(contender, class string, m Measure) Figures {
	f := r.Figures(contender, class, m)
	rounds := make(map[int][]float64)
	var order []int
	var alone []float64
	for i := range r.Windows {
		w := &r.Windows[i]
		v, ok := w.Value(m)
		if !ok || w.Contender != contender || !w.counts(class, !f.Disturbed) {
			continue
		}
		if !w.Beside {
			alone = append(alone, v)
			continue
		}
		if !slices.Contains(order, w.Round) {
			order = append(order, w.Round)
		}
		rounds[w.Round] = append(rounds[w.Round], v)
	}
	f.Values = alone
	for _, round := range order {
		f.Values = append(f.Values, stat.Median(rounds[round]))
	}
	return f
}
