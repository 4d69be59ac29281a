package stream

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Orders in which flows come.
const (
	cyclic = "cyclic"
	random = "random"
	zipf   = "zipf"
)

// How many choices are drawn beforehand: so many for each flow, but a power of two within bounds. They are then gone
// through again and again.
const (
	drawsPerFlow = 8
	minDraws     = 1 << 16
	maxDraws     = 1 << 23
)

// maxSkew bounds the exponent of zipf: beyond, one flow has it all.
const maxSkew = 8

// drawFlows returns which flow is next, over and over; nil for all in turn.
func drawFlows(order string, flows int, skew float64, r *rand.Rand) ([]uint32, error) {
	if order != cyclic && order != random && order != zipf {
		return nil, fmt.Errorf("order %q, want %s, %s or %s", order, cyclic, random, zipf)
	}
	if math.IsNaN(skew) || skew < 0 || skew > maxSkew {
		return nil, fmt.Errorf("skew %v, want 0 to %d", skew, maxSkew)
	}
	if order == cyclic || flows == 1 {
		return nil, nil
	}
	n := minDraws
	for n < flows*drawsPerFlow && n < maxDraws {
		n *= 2
	}
	draw := func() uint32 { return r.Uint32N(uint32(flows)) }
	if order == zipf {
		draw = newAlias(flows, skew).draw(r)
	}
	choices := make([]uint32, n)
	for i := range choices {
		choices[i] = draw()
	}
	return choices, nil
}

// An alias draws numbers with given probabilities in constant time: each of n equal parts belongs to one number up to
// a point, and to another beyond (Walker's method, as Vose builds it: IEEE Transactions on Software Engineering 17(9),
// 1991).
type alias struct {
	upTo  []float64 // of part i, the share that is i's own
	other []uint32  // whose the rest is
}

// newAlias makes one for Zipf's distribution.
func newAlias(n int, skew float64) *alias {
	a := &alias{upTo: make([]float64, n), other: make([]uint32, n)}
	total := 0.0
	for i := range a.upTo {
		a.upTo[i] = math.Pow(float64(i+1), -skew)
		total += a.upTo[i]
	}
	var small, large []uint32
	for i := range a.upTo {
		if a.upTo[i] *= float64(n) / total; a.upTo[i] < 1 {
			small = append(small, uint32(i))
		} else {
			large = append(large, uint32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a.other[s] = l
		if a.upTo[l] -= 1 - a.upTo[s]; a.upTo[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(small, large...) { // what is left over is 1 but for rounding
		a.upTo[i] = 1
	}
	return a
}

// draw returns a function that draws a number.
func (a *alias) draw(r *rand.Rand) func() uint32 {
	return func() uint32 {
		i := r.Uint32N(uint32(len(a.upTo)))
		if r.Float64() < a.upTo[i] {
			return i
		}
		return a.other[i]
	}
}
