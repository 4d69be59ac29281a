package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/culvertdev/culvert/bench/result"
)

// Text writes the table of a run: for each row and class of windows, what each measure says of each contender.
func Text(out io.Writer, run *result.Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", run.Title, machineLine(run))
	last := ""
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, s := range Summaries(run) {
		if head := s.Row.Name + classNote(s.Class); head != last {
			last = head
			fmt.Fprintf(w, "\n%s\n", head) // a line without cells ends a table's columns
		}
		fmt.Fprintf(w, "    %s\t%s\n", s.Measure.Name, s.text())
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

func classNote(class string) string {
	if class == "" {
		return ""
	}
	return ", CPUs " + class
}

// text is the summary's cells: a contender each, then ratios and the number of windows.
func (s *Summary) text() string {
	u := UnitOf(s.Measure.Unit, s.Largest())
	var cells, ratios, windows []string
	for _, e := range s.Entries {
		cells = append(cells, e.Contender.Name+"\t"+s.bound(e, "at least ", "at most ")+e.text(u))
		windows = append(windows, fmt.Sprint(e.Windows))
		if e.Ratio > 0 {
			ratios = append(ratios, s.ratioText(e)+" "+e.Contender.Name)
		}
	}
	counted := "windows"
	if len(windows) == 1 && windows[0] == "1" {
		counted = "window"
	}
	return fmt.Sprintf("%s\t%s\t%s", strings.Join(cells, "\t"), strings.Join(ratios, ", "), strings.Join(windows, " + ")+" "+counted)
}

// text is the median and where it lies: two figures or more have a range.
func (e *Entry) text(u Unit) string {
	s := u.Text(e.Median)
	if e.Windows > 1 {
		s += fmt.Sprintf(" (%s to %s)", u.Figure(e.Where.Low), u.Figure(e.Where.High))
	}
	if e.Disturbed {
		s += " *"
	}
	return s
}

// remarks explains what the table has in it.
func remarks(run *result.Run) string {
	var b strings.Builder
	b.WriteString("\nMedians of windows of one class, and where the median lies with 95 % certainty; of fewer than six windows, their range.\n")
	disturbed, limited := false, false
	for _, s := range Summaries(run) {
		for _, e := range s.Entries {
			disturbed, limited = disturbed || e.Disturbed, limited || e.Limited
		}
	}
	if disturbed {
		b.WriteString("* others disturbed all windows of the class.\n")
	}
	if limited {
		b.WriteString("at least, at most: the generator was the limit; what the switch could do is not known.\n")
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
