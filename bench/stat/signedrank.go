package stat

import (
	"cmp"
	"math"
	"slices"
)

// SignedRank is Wilcoxon's two-sided test of pairs: of the differences between the two figures of each, it returns the probability that the ranks of those above 0
// are as far from their mean or farther, if each difference is as likely to be above 0 as to be below. What both figures of a pair have in common, such as how fast a
// machine was, is in none of them. With up to 100 differences it is exact, ties included; those of 0 say nothing and are left out. 1 when none is left.
func SignedRank(differences []float64) float64 {
	d := slices.DeleteFunc(slices.Clone(differences), func(v float64) bool { return v == 0 })
	n := len(d)
	if n == 0 {
		return 1
	}
	slices.SortFunc(d, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	ranks := make([]int, 0, n) // twice the rank: equal ones have the mean of theirs
	for i := 0; i < n; {
		j := i
		for j < n && math.Abs(d[j]) == math.Abs(d[i]) {
			j++
		}
		for range j - i {
			ranks = append(ranks, i+1+j)
		}
		i = j
	}
	above, total := 0, 0
	for i, r := range ranks {
		total += r
		if d[i] > 0 {
			above += r
		}
	}
	far := abs(2*above - total)
	if n > exactMost {
		variance := 0.0
		for _, r := range ranks {
			variance += float64(r) * float64(r)
		}
		// far is twice the difference of sums of twice the ranks: between two steps of it are 4.
		return math.Erfc(max(0, float64(far)-2) / math.Sqrt(variance) / math.Sqrt2)
	}
	p := 0.0
	for sum, share := range subsets(ranks, total) {
		if abs(2*sum-total) >= far {
			p += share
		}
	}
	return min(1, p)
}

// subsets returns, for each sum up to total, the share of all choices of some of the ranks that have it.
func subsets(ranks []int, total int) []float64 {
	share := make([]float64, total+1)
	share[0] = 1
	most := 0
	for _, r := range ranks {
		most += r
		for s := most; s >= 0; s-- {
			share[s] /= 2
			if s >= r {
				share[s] += share[s-r] / 2
			}
		}
	}
	return share
}
