// Package near finds the words that somebody may have meant who wrote one that nobody knows.
package near

import (
	"cmp"
	"slices"
	"strings"
)

// Bounds of what is offered.
const (
	most    = 4  // words
	longest = 64 // bytes of a word that is compared; longer ones are far from everything
	part    = 3  // bytes from which on a word in another is a sign that this one was meant
)

// Hint returns "; did you mean x, y or z?" with the Words near to word, and nothing where there is none.
func Hint(word string, known []string) string {
	list := Words(word, known)
	if len(list) == 0 {
		return ""
	}
	text := strings.Join(list[:len(list)-1], ", ")
	if text != "" {
		text += " or "
	}
	return "; did you mean " + text + list[len(list)-1] + "?"
}

// Words returns those of known that are nearest to word: equally many slips of the fingers away, and so few that a
// slip is likely, one more than a quarter of the word's length; if there are none, those that have word in them. Of
// more than four it returns four. It does not tell capital letters from small ones.
func Words(word string, known []string) []string {
	word = strings.ToLower(word)
	if word == "" || len(word) > longest {
		return nil
	}
	fewest := 1 + len(word)/4
	var near, around []string
	for _, k := range known {
		low := strings.ToLower(k)
		d := slips(word, low, fewest)
		switch {
		case d < fewest:
			fewest, near = d, []string{k}
		case d == fewest:
			near = append(near, k)
		case len(word) >= part && strings.Contains(low, word):
			around = append(around, k)
		}
	}
	if len(near) == 0 {
		near = around
		slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	}
	return near[:min(len(near), most)]
}

// slips counts the bytes to insert, delete, replace or swap with their neighbour between a and b (the optimal string
// alignment distance). Of more than limit it says limit+1.
func slips(a, b string, limit int) int {
	if len(b) > longest || max(len(a)-len(b), len(b)-len(a)) > limit {
		return limit + 1
	}
	var rows [3][longest + 1]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	before, above, row := &rows[2], &rows[0], &rows[1]
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			d := above[j]
			if a[i] != b[j] {
				d++
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row[j+1] = min(d, row[j]+1, above[j+1]+1)
		}
		before, above, row = above, row, before
	}
	return min(above[len(b)], limit+1)
}
