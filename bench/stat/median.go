package stat

import (
	"math"
	"slices"
)

// Median is the middle one, or the mean of the middle two.
func Median(all []float64) float64 {
	n := len(all)
	if n == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(all))
	return s[(n-1)/2]/2 + s[n/2]/2
}

// An Interval is where something lies with a probability of at least Confidence.
type Interval struct {
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Confidence float64 `json:"confidence"`
}

// MedianInterval returns the narrowest pair of figures, counted alike from both ends, between which the median of
// the distribution lies with the confidence asked for. Few figures do not give much: it is their whole range then, with what
// confidence that has (of n figures, all lie on one side of the median with a probability of 2^(1-n)).
func MedianInterval(all []float64, confidence float64) Interval {
	n := len(all)
	if n == 0 {
		return Interval{math.NaN(), math.NaN(), 0}
	}
	s := slices.Sorted(slices.Values(all))
	// The number of figures below the median is binomial with one half: of the pair that leaves out k at each end,
	// the median is outside with twice the probability of at most k.
	left, tail := 0, math.Exp2(float64(-n))
	outside, term := 2*tail, tail
	for k := 1; k < n-k; k++ {
		term *= float64(n-k+1) / float64(k)
		tail += term
		if 2*tail > 1-confidence {
			break
		}
		left, outside = k, 2*tail
	}
	return Interval{s[left], s[n-1-left], max(0, 1-outside)}
}
