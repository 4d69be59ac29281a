package stat

import (
	"cmp"
	"slices"
)

// Discoveries says which of many tests count, by their probabilities (Benjamini and Hochberg 1995): of those it names, the share that is
// mere chance is at most level on average; when nothing is behind any of them, it names one or more with a probability of at
// most level. That holds for independent tests and for such as go up and down together.
func Discoveries(p []float64, level float64) []bool {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	named := make([]bool, len(p))
	for last := len(order) - 1; last >= 0; last-- {
		if p[order[last]] <= level*float64(last+1)/float64(len(p)) {
			for _, i := range order[:last+1] {
				named[i] = true
			}
			break
		}
	}
	return named
}
