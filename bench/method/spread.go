package method

import (
	"math"
	"slices"
)

// A Spread is what several figures of the same thing come to.
type Spread struct {
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	Low    float64 `json:"low"`  // a quarter of them are lower
	High   float64 `json:"high"` // a quarter of them are higher
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// SpreadOf returns the spread of figures, which it leaves as they are; of none, all is 0.
func SpreadOf(figures []float64) Spread {
	if len(figures) == 0 {
		return Spread{}
	}
	f := slices.Sorted(slices.Values(figures))
	return Spread{len(f), quantile(f, 0.5), quantile(f, 0.25), quantile(f, 0.75), f[0], f[len(f)-1]}
}

// quantile interpolates between the two nearest of sorted figures.
func quantile(f []float64, q float64) float64 {
	at := q * float64(len(f)-1)
	i := int(math.Floor(at))
	if i+1 == len(f) {
		return f[i]
	}
	return f[i] + (at-float64(i))*(f[i+1]-f[i])
}

// Turns returns whose turn it is, of n contenders, in each of some rounds: there and back again (A B B A A B …), so that
// what changes slowly on a machine does as much to each.
func Turns(n, rounds int) (order []int) {
	for r := range rounds {
		for i := range n {
			if r%2 == 1 {
				i = n - 1 - i
			}
			order = append(order, i)
		}
	}
	return order
}

// A Window is one figure and the class of the machine while it was measured: "near" or "far", where a machine's CPUs
// move.
type Window struct {
	Class string
	Value float64
}

// ByClass returns the spread of each class: figures of two classes are not to be mixed. Windows without a class, or
// in which it changed ("mixed"), are left out.
func ByClass(windows []Window) map[string]Spread {
	values := make(map[string][]float64)
	for _, w := range windows {
		if w.Class != "" && w.Class != "mixed" {
			values[w.Class] = append(values[w.Class], w.Value)
		}
	}
	spreads := make(map[string]Spread)
	for class, v := range values {
		spreads[class] = SpreadOf(v)
	}
	return spreads
}
