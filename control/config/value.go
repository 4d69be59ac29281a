package config

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// A reader collects what is wrong while a tree is read.
type reader struct {
	file string
	errs Errors
}

// A value is a node of the tree and the key that leads to it.
type value struct {
	r    *reader
	node ast.Node
	key  string // "bridges[0].name"; empty for the whole file
}

func (v value) place() Place { return placeOf(v.r.file, startOf(v.node)) }

// fail reports a problem with v.
func (v value) fail(format string, args ...any) {
	v.r.errs = append(v.r.errs, Error{Place: v.place(), Key: v.key, Problem: fmt.Sprintf(format, args...)})
}

// bad reports that v is not what it should be.
func (v value) bad(want string) { v.fail("want %s, found %s", want, found(v.node)) }

// scalar returns the text of a value that is neither a list nor a mapping. want says what should
// stand there.
func (v value) scalar(want string) (string, bool) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	v.bad(want)
	return "", false
}

// text sets dst to the value, which must be text that check, if not nil, takes.
func (v value) text(dst *string, want string, check func(string) bool) {
	s, ok := v.scalar(want)
	if !ok {
		return
	}
	if check != nil && !check(s) {
		v.bad(want)
		return
	}
	*dst = s
}

// integer sets dst to the value, which must be a whole number from lo to hi.
func (v value) integer(dst *int, lo, hi int) {
	want := fmt.Sprintf("a whole number from %d to %d", lo, hi)
	s, ok := v.scalar(want)
	if !ok {
		return
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil || n < int64(lo) || n > int64(hi) {
		v.bad(want)
		return
	}
	*dst = int(n)
}

// power sets dst to the value, which must be a power of two from lo to hi.
func (v value) power(dst *int, lo, hi int) {
	n := 0
	before := len(v.r.errs)
	v.integer(&n, lo, hi)
	if len(v.r.errs) > before {
		return
	}
	if bits.OnesCount(uint(n)) > 1 {
		v.bad(fmt.Sprintf("a power of two from %d to %d", lo, hi))
		return
	}
	*dst = n
}

// duration sets dst to the value, which must be a time with its unit from lo to hi.
func (v value) duration(dst *time.Duration, lo, hi time.Duration) {
	want := fmt.Sprintf("a time with its unit (us, ms, s, m, h) from %s to %s", lo, hi)
	if s, ok := v.scalar(want); ok {
		v.setDuration(dst, s, lo, hi, want)
	}
}

func (v value) setDuration(dst *time.Duration, s string, lo, hi time.Duration, want string) {
	d, err := time.ParseDuration(s)
	if err != nil || d < lo || d > hi {
		v.bad(want)
		return
	}
	*dst = d
}

// durationOr is duration, for which one word stands for a time of its own.
func (v value) durationOr(word string, meaning time.Duration, dst *time.Duration, lo, hi time.Duration) {
	if n, ok := v.node.(*ast.StringNode); ok && n.Value == word {
		*dst = meaning
		return
	}
	want := fmt.Sprintf("%s, or a time with its unit (us, ms, s, m, h) from %s to %s", word, lo, hi)
	if s, ok := v.scalar(want); ok {
		v.setDuration(dst, s, lo, hi, want)
	}
}

// boolean sets dst to the value, which must be true or false.
func (v value) boolean(dst *bool) {
	n, ok := v.node.(*ast.BoolNode)
	if !ok {
		v.bad("true or false")
		return
	}
	*dst = n.Value
}

// choice returns the index of the value among words, -1 when it is none of them.
func (v value) choice(words ...string) int {
	want := "one of " + strings.Join(words, ", ")
	s, ok := v.scalar(want)
	if !ok {
		return -1
	}
	i := slices.Index(words, s)
	if i < 0 {
		v.bad(want)
	}
	return i
}

// list returns the elements of the value, which must be a list.
func (v value) list(want string) []value {
	n, ok := v.node.(*ast.SequenceNode)
	if !ok {
		v.bad(want + " ([] for none)")
		return nil
	}
	values := make([]value, len(n.Values))
	for i, e := range n.Values {
		values[i] = value{r: v.r, node: e, key: fmt.Sprintf("%s[%d]", v.key, i)}
	}
	return values
}

// numbers returns the numbers of the value, in order: a list of whole numbers from lo to hi, and of
// ranges such as 10-20.
func (v value) numbers(lo, hi int) []int {
	want := fmt.Sprintf("a whole number from %d to %d, or a range such as %d-%d", lo, hi, lo, min(lo+3, hi))
	var all []int
	for _, e := range v.list("a list of numbers") {
		s, ok := e.scalar(want)
		if !ok {
			continue
		}
		first, last, isRange := strings.Cut(s, "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.Atoi(strings.TrimSpace(first))
		b, errB := strconv.Atoi(strings.TrimSpace(last))
		if errA != nil || errB != nil || a < lo || b > hi || a > b {
			e.bad(want)
			continue
		}
		for n := a; n <= b; n++ {
			if slices.Contains(all, n) {
				e.fail("want each number once, found %d again", n)
				break
			}
			all = append(all, n)
		}
	}
	return all
}
