package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/culvertdev/culvert/bench/report/plot"
	"github.com/culvertdev/culvert/bench/result"
)

// Text writes the table of a run: for each row and class of windows, what each measure says of each contender, in lines of 100 characters, but for long names and units.
func Text(out io.Writer, run *result.Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", run.Title, machineLine(run))
	last := ""
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, s := range Summaries(run) {
		if s.Label != last {
			last = s.Label
			fmt.Fprintf(w, "\n%s\n", last) // a line without cells ends a table's columns
		}
		s.write(w)
	}
	w.Flush()
	b.WriteString(remarks(run))
	_, err := io.WriteString(out, b.String())
	return err
}

// machineLine says in one line what the machine is.
func machineLine(run *result.Run) string {
	m := &run.Machine
	s := fmt.Sprintf("%s, %s", m.CPU, plural(m.CPUs, "CPU", "CPUs"))
	if m.Hypervisor != "" {
		s += ", in a virtual machine"
	}
	return s + ", " + m.Kernel
}

// nameWidth is what a measure's name takes of a line, in characters: most lines are to fit 100.
const nameWidth = 28

// write writes a line for each contender, the first with the measure's name, which goes on in those below when it is long.
func (s *Summary) write(w io.Writer) {
	u := s.unit()
	names := plot.Wrap(s.Measure.Name, nameWidth)
	for i := range max(len(names), len(s.Entries)) {
		name, line := "", ""
		if i < len(names) {
			name = names[i]
		}
		if i < len(s.Entries) {
			e, ratio := s.Entries[i], ""
			if e.Ratio > 0 {
				ratio = s.ratioText(e) + e.ratioRange()
			}
			line = fmt.Sprintf("\t%s\t%s\t%s\t%s", e.Contender.Name, s.bound(e, "≥ ", "≤ ")+e.text(u), ratio, plural(e.Windows, "window", "windows"))
		}
		fmt.Fprintf(w, "    %s%s\n", name, line)
	}
}

// text is the median and where it lies: two figures or more have a range.
func (e *Entry) text(u Unit) string {
	s := u.Text(e.Median)
	if e.Windows > 1 {
		s += fmt.Sprintf(" (%s to %s)", u.Figure(e.Where.Low), u.Figure(e.Where.High))
	}
	return s + e.marks()
}

// marks are what stands behind a figure that others disturbed, and behind one that is perhaps the generator's.
func (e *Entry) marks() (s string) {
	if e.Disturbed {
		s += " *"
	}
	if e.Doubtful {
		s += " ?"
	}
	return s
}

// remarks explains what the table has in it.
func remarks(run *result.Run) string {
	var b strings.Builder
	b.WriteString("\nMedians of windows of one class, and where the median lies with 95 % certainty; of fewer than six windows, their range.\nOf windows in turns those of one start are one figure here where there are several starts.\n×: the first one's figure to this one's; in turns that of neighbours, and where it lies.\n")
	b.WriteString(usualText(usualClass(run)))
	disturbed, limited, doubtful := false, false, false
	for _, s := range Summaries(run) {
		for _, e := range s.Entries {
			disturbed, limited = disturbed || e.Disturbed, limited || e.Limited
			doubtful = doubtful || e.Doubtful
		}
	}
	if disturbed {
		b.WriteString("* others disturbed all windows of the class.\n")
	}
	if limited {
		b.WriteString("≥, ≤: at least, at most: the generator was the limit, or a search had no trials or time left; what the switch could do is not known.\n")
	}
	if doubtful {
		b.WriteString("?: the generator was the limit in some of the windows; the figure is perhaps its own.\n")
	}
	for _, m := range run.Setup.Missing {
		fmt.Fprintf(&b, "not here: %s\n", m)
	}
	for i := range run.Rows {
		reasons, counts := leftOut(&run.Rows[i])
		for _, r := range reasons {
			fmt.Fprintf(&b, "%s: %s left out: %s\n", run.Rows[i].Name, plural(counts[r], "window", "windows"), r)
		}
	}
	return b.String()
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
