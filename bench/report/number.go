package report

import (
	"cmp"
	"slices"

	"github.com/culvertdev/culvert/bench/result"
)

// numbersOf numbers the switches of a run, by which plots give them colours and marks: one has the same in all rows. Those of most rows come first, of as
// many the one that appears first, as first colours are told apart best.
func numbersOf(run *result.Run) map[string]int {
	var names []string
	rows := make(map[string]int)
	for i := range run.Rows {
		for _, c := range run.Rows[i].Contenders {
			if rows[c.Name] == 0 {
				names = append(names, c.Name)
			}
			rows[c.Name]++
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rows[b], rows[a]) })
	numbers := make(map[string]int)
	for i, name := range names {
		numbers[name] = i
	}
	return numbers
}
