package compare

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/stat"
)

// What a comparison ends with when it does not end well.
var (
	ErrLoss      = errors.New("a loss beyond the tolerance")
	ErrNothing   = errors.New("nothing could be compared")
	ErrDisturbed = errors.New("nothing could be compared, since others disturbed all windows")
)

// judge gives verdicts to all changes that can have one.
func judge(all []Change) {
	var at []int // those that are tested
	var p []float64
	for i := range all {
		c := &all[i]
		switch {
		case c.Verdict == NotKnown:
		case stat.LeastP(c.Windows[0], c.Windows[1]) > Level:
			c.Verdict, c.Remark = TooFew, fmt.Sprintf("want %d of each", enough(1))
		default:
			at, p = append(at, i), append(p, c.P)
		}
	}
	for k, named := range stat.Discoveries(p, Level) {
		c := &all[at[k]]
		switch {
		case named && c.Share != 0 && (c.Share > 0) == (c.BetterIs == result.More):
			c.Verdict = Better
		case named && c.Share != 0:
			c.Verdict = Worse
		case p[k] <= Level:
			c.Remark = fmt.Sprintf("not certain as one of %d figures: %d windows of each would be", len(p), enough(len(p)))
		}
	}
	for i := range all {
		all[i].suspect(all)
	}
}

// enough is how many windows of each run it takes for one figure among n to be called changed when all of them are apart.
func enough(n int) int {
	k := 1
	for stat.LeastP(k, k) > Level/float64(n) {
		k++
	}
	return k
}

// suspect remarks that another contender has changed alike, although it is the same program as before.
func (c *Change) suspect(all []Change) {
	if c.Verdict != Better && c.Verdict != Worse {
		return
	}
	for i := range all {
		o := &all[i]
		if o.Contender != c.Contender && o.Row == c.Row && o.Class == c.Class && o.Measure == c.Measure &&
			o.Verdict == c.Verdict && o.Versions[0] == o.Versions[1] {
			c.Remark = fmt.Sprintf("so is %s, which is the same version as before: was the machine another?", o.Contender)
			return
		}
	}
}

// Loss is the share by which a figure is worse, 0 if it is not.
func (c *Change) Loss() float64 {
	if c.Verdict != Worse {
		return 0
	}
	return max(c.Share, -c.Share)
}

// Losses are the changes for which the comparison fails.
func (r *Report) Losses() (list []Change) {
	for _, c := range r.Changes {
		if c.Contender == r.Contender && c.Loss() > r.Tolerance {
			list = append(list, c)
		}
	}
	return list
}

// Count returns how many figures of the contender have a verdict.
func (r *Report) Count(v Verdict) (n int) {
	for _, c := range r.Changes {
		if c.Contender == r.Contender && c.Verdict == v {
			n++
		}
	}
	return n
}

// Err is what the comparison comes to: ErrLoss for a loss beyond the tolerance, ErrNothing if no figure of the contender could be
// judged, so that a comparison that says nothing does not pass for one that says all is well, and ErrDisturbed if that is for others
// at work alone: the same runs on a machine left alone would have said something.
func (r *Report) Err() error {
	if n := len(r.Losses()); n > 0 {
		return fmt.Errorf("%w: %d of %d figures of %s lose more than %g %%", ErrLoss, n, r.Count(Better)+r.Count(Worse)+r.Count(Same), r.Contender, 100*r.Tolerance)
	}
	if r.Count(Better)+r.Count(Worse)+r.Count(Same) > 0 {
		return nil
	}
	if n := r.disturbed(); n > 0 {
		return fmt.Errorf("%w of a run in what it has of %s (figures: %d): measure again on a machine that is left alone", ErrDisturbed, r.Contender, n)
	}
	return fmt.Errorf("%w of %s: the runs have no row, class and measure in common with enough windows", ErrNothing, r.Contender)
}

// disturbed returns how many figures of the contender could have been judged if others had left the machine alone.
func (r *Report) disturbed() (n int) {
	for _, c := range r.Changes {
		if c.Contender == r.Contender && c.Disturbed {
			n++
		}
	}
	return n
}
