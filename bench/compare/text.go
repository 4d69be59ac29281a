package compare

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/culvertdev/culvert/bench/report"
)

// Text writes what a comparison found, row by row, and what it comes to.
func (r *Report) Text(out io.Writer) error {
	var b strings.Builder
	for _, d := range r.Machines {
		fmt.Fprintf(&b, "different machines: %s\n", d)
	}
	for _, d := range r.Setup {
		fmt.Fprintf(&b, "measured otherwise: %s\n", d)
	}
	last := ""
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for i := range r.Changes {
		c := &r.Changes[i]
		if h := head(c.Row, c.Class); h != last {
			last = h
			fmt.Fprintf(w, "%s\n", h)
		}
		fmt.Fprintf(w, "    %s\t%s\t%s\n", c.Contender, c.Measure, c.text(r))
	}
	w.Flush()
	for _, name := range r.OnlyOld {
		fmt.Fprintf(&b, "only in the old run: %s\n", name)
	}
	for _, name := range r.OnlyNew {
		fmt.Fprintf(&b, "only in the new run: %s\n", name)
	}
	if len(r.Changes) > 0 {
		fmt.Fprintf(&b, "\nOld → new: medians. Behind them the change, which is the median of all ratios of a new window to an old one, and where it lies with %.0f %% certainty.\n", 100*(1-Level))
	}
	fmt.Fprintf(&b, "\n%s: %d better, %d worse, %d without a change beyond the noise, %d with too few windows, %d not comparable\n",
		r.Contender, r.Count(Better), r.Count(Worse), r.Count(Same), r.Count(TooFew), r.Count(NotKnown))
	_, err := io.WriteString(out, b.String())
	return err
}

// text is the cells of one figure.
func (c *Change) text(r *Report) string {
	u := report.UnitOf(c.Unit, max(c.Medians[0], c.Medians[1]))
	verdict := string(c.Verdict)
	if c.Contender == r.Contender && c.Loss() > r.Tolerance {
		verdict = strings.ToUpper(verdict)
	}
	if c.Remark != "" {
		verdict += ": " + c.Remark
	}
	where := ""
	if c.Confidence >= 1-Level {
		where = fmt.Sprintf(" (%s to %s)", percent(c.Low), percent(c.High))
	}
	return fmt.Sprintf("%s → %s\t%s%s\t%d and %d windows\t%s", u.Figure(c.Medians[0]), u.Text(c.Medians[1]), percent(c.Share), where, c.Windows[0], c.Windows[1], verdict)
}

// percent writes a share with its sign.
func percent(share float64) string {
	if math.Abs(share) < 0.0005 {
		return "0.0 %"
	}
	return strings.Replace(fmt.Sprintf("%+.1f %%", 100*share), "-", "−", 1)
}
