package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// signedRankByHand counts every way in which the differences could have had their signs.
func signedRankByHand(d []float64) float64 {
	d = slices.DeleteFunc(slices.Clone(d), func(v float64) bool { return v == 0 })
	rank := func(v float64) (r float64) { // the mean of those of equal ones
		below, equal := 0, 0
		for _, w := range d {
			switch {
			case math.Abs(w) < math.Abs(v):
				below++
			case math.Abs(w) == math.Abs(v):
				equal++
			}
		}
		return float64(below) + float64(equal+1)/2
	}
	far := func(above func(i int) bool) (sum float64) {
		for i, v := range d {
			if above(i) {
				sum += rank(v)
			} else {
				sum -= rank(v)
			}
		}
		return math.Abs(sum)
	}
	seen, n := far(func(i int) bool { return d[i] > 0 }), 0
	for signs := range 1 << len(d) {
		if far(func(i int) bool { return signs>>i&1 == 1 }) >= seen {
			n++
		}
	}
	return float64(n) / float64(int(1)<<len(d))
}

func TestSignedRankIsWhatCountingAllSignsGives(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		d := make([]float64, r.IntN(11))
		for i := range d {
			d[i] = float64(r.IntN(9) - 3) // with ties, and some of 0
		}
		if got, want := SignedRank(d), signedRankByHand(d); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v: got %v, want %v", d, got, want)
		}
	}
	for _, c := range []struct {
		d    []float64
		want float64
	}{
		{nil, 1}, {[]float64{0, 0}, 1}, {[]float64{1, 2, 3, 4, 5}, 0.0625}, {[]float64{-1, -2, -3, -4, -5, -6}, 0.03125}, {[]float64{math.Inf(-1), 1}, 1},
	} {
		if got := SignedRank(c.d); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: got %v, want %v", c.d, got, c.want)
		}
	}
}

func TestSignedRankOfManyIsNearToTheExactOne(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		d := make([]float64, exactMost)
		for i := range d {
			d[i] = r.NormFloat64() + 0.2
		}
		more := append(slices.Clone(d), 1e-9) // the least rank: it changes next to nothing
		if a, b := SignedRank(d), SignedRank(more); math.Abs(a-b) > 0.01 {
			t.Errorf("of 100 %v, of 101 %v", a, b)
		}
	}
}
