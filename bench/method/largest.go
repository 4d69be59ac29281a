package method

import (
	"context"
	"fmt"
)

// A Counted is how many of something a switch takes: frames back to back, addresses.
type Counted struct {
	Passed  int `json:"passed"`            // the largest number that passed; 0: none did
	Failed  int `json:"failed,omitempty"`  // the smallest that failed; 0: none did, the switch may take more
	Limited int `json:"limited,omitempty"` // the smallest at which the generator was the limit; 0: it never was
}

// A CountTrial tries a number. What is lost of what was offered did not pass.
type CountTrial func(ctx context.Context, n int) (Outcome, error)

// Largest finds the largest number, from 1 to most, that passes: of which nothing is lost. It is found to a precision, a share of
// it, or to one where that is less. The number that got through a trial that failed is tried soon: with tables and buffers
// it is often the answer. A trial in which the generator was the limit is repeated, and bounds the search when it
// remains so.
func Largest(ctx context.Context, most int, precision float64, trial CountTrial) (c Counted, err error) {
	if most < 1 || !(precision >= 0 && precision < 1) {
		return c, fmt.Errorf("numbers up to %d with a precision of %v, want at least 1, and 0 to less than 1", most, precision)
	}
	n, bound, hint, limited := most, most+1, 0, 0
	for bound-c.Passed > max(1, int(float64(bound)*precision)) {
		o, err := trial(ctx, n)
		if err != nil {
			return c, fmt.Errorf("trial with %d: %w", n, err)
		}
		if err := ctx.Err(); err != nil {
			return c, err
		}
		switch {
		case o.Limited():
			if limited++; limited < limitedTries {
				continue
			}
			bound, c.Limited = n, n
		case o.Lost == 0:
			c.Passed = n
		default:
			bound, c.Failed = n, n
			hint = int(o.Offered - min(o.Lost, o.Offered))
		}
		limited = 0
		n = between(c.Passed, bound, hint, precision)
	}
	return c, nil
}

// between returns what to try next, above what passed and below what did not.
func between(passed, bound, hint int, precision float64) int {
	middle := (passed + bound) / 2
	switch {
	case hint > passed && hint < bound:
		return hint
	case hint == passed && passed > 0: // as expected: the next larger number is to fail
		return min(passed+max(1, int(float64(bound)*precision)), max(middle, passed+1))
	}
	return max(middle, passed+1)
}
