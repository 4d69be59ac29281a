package config

import (
	"fmt"
	"strings"
)

// suggest returns "; did you mean x?" when one of known is so close to word that it is likely a slip
// of the fingers, and otherwise the list of what is known.
func suggest(word string, known []string) string {
	best, at := 1+len(word)/3, ""
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d <= best && (at == "" || d < best) {
			best, at = d, k
		}
	}
	if at != "" {
		return fmt.Sprintf("; did you mean %s?", at)
	}
	return fmt.Sprintf("; known here: %s", strings.Join(known, ", "))
}

// distance counts the bytes to insert, delete or replace between a and b (Levenshtein). Words longer
// than a key can be are far from everything.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return max(len(a), len(b))
	}
	var row [longest + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
