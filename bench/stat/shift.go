package stat

import (
	"math"
	"slices"
)

// Ratio estimates how many times as large figures of b are than those of a: the median of all ratios of one of b to one of a
// (Hodges and Lehmann), and where it lies with the confidence asked for, by the distribution of ranks that RankSum uses. Without ties
// the interval leaves out 1 exactly when RankSum is at most 1-confidence, where that is exact. With too few figures for the confidence
// it is the range of all ratios, with what confidence that has. All figures must be above 0.
func Ratio(a, b []float64, confidence float64) (estimate float64, where Interval) {
	if len(a) == 0 || len(b) == 0 {
		return math.NaN(), Interval{math.NaN(), math.NaN(), 0}
	}
	ratios := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			ratios = append(ratios, y/x)
		}
	}
	slices.Sort(ratios)
	left, outside := leftOut(len(a), len(b), confidence)
	return Median(ratios), Interval{ratios[left], ratios[len(ratios)-1-left], max(0, 1-outside)}
}

// leftOut returns how many of the n*m ratios the interval leaves out at each end, and the probability that what is looked for
// lies outside.
func leftOut(n, m int, confidence float64) (left int, outside float64) {
	if n+m > exactMost {
		deviation := math.Sqrt(float64(n) * float64(m) * float64(n+m+1) / 12)
		z := math.Sqrt2 * math.Erfinv(confidence)
		return max(0, int(float64(n*m)/2-z*deviation)), 1 - confidence
	}
	outside = LeastP(n, m)
	tail := outside / 2
	for k, share := range pairs(n, m) {
		if k == 0 {
			continue
		}
		tail += share
		if 2*tail > 1-confidence || k >= n*m-1-k {
			break
		}
		left, outside = k, 2*tail
	}
	return left, outside
}

// pairs returns the distribution of the number of pairs in which the figure of the first list is the larger one, of lists of n and m
// drawn alike without ties (Mann and Whitney's U): the share of all orders that have k such pairs at index k.
func pairs(n, m int) []float64 {
	ranks := make([]int, n+m)
	for i := range ranks {
		ranks[i] = i + 1
	}
	return sums(ranks, m)[m*(m+1)/2:] // the smallest rank sum means none
}
