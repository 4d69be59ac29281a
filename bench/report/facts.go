package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/result"
)

// A tableRow is one summary in the table of all.
type tableRow struct {
	Row, Measure string // Row is empty when it is that of the line above
	Cells        []tableCell
	Windows      string
}

type tableCell struct{ Contender, Figure, Range, Ratio string }

func tableRows(all []Summary) (list []tableRow) {
	last := ""
	for _, s := range all {
		u := s.unit()
		r := tableRow{Row: s.Label, Measure: s.Measure.Name}
		if r.Row == last {
			r.Row = ""
		} else {
			last = r.Row
		}
		var windows []string
		for _, e := range s.Entries {
			c := tableCell{Contender: e.Contender.Name, Figure: s.bound(e, "≥ ", "≤ ") + u.Text(e.Median)}
			c.Figure += e.marks()
			if e.Windows > 1 {
				c.Range = u.Figure(e.Where.Low) + " to " + u.Figure(e.Where.High)
			}
			if e.Ratio > 0 {
				c.Ratio = s.ratioText(e) + e.ratioRange()
			}
			r.Cells = append(r.Cells, c)
			windows = append(windows, fmt.Sprint(e.Windows))
		}
		r.Windows = strings.Join(windows, " + ")
		list = append(list, r)
	}
	return list
}

// facts leaves out what nothing is known of.
func facts(pairs ...string) (list []fact) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, fact{pairs[i], pairs[i+1]})
		}
	}
	return list
}

// platformFacts are RFC 8204's hardware and software details, as far as this bench has them.
func platformFacts(run *result.Run) []fact {
	m := &run.Machine
	list := facts(
		"CPU", m.CPU, "CPUs", fmt.Sprintf("%d, %d to a core, %s", m.CPUs, m.CPUsPerCore, plural(m.Nodes, "NUMA node", "NUMA nodes")),
		"Microcode", m.Microcode, "Platform", orUntold(m.Platform), "BIOS", orUntold(m.BIOS), "Hypervisor", m.Hypervisor,
		"Frequency governor", orUntold(m.Governor), "Sleep states", cmp.Or(m.Idle, "the kernel has no driver for any"), "Memory", fmt.Sprintf("%.1f GiB", float64(m.Memory)/(1<<30)),
		"Kernel", m.Kernel, "System", m.System, "Boot parameters", strings.Join(m.Boot, " "), "Transparent hugepages", m.HugePages,
	)
	list = append(list, switchFacts(run)...)
	for _, name := range slices.Sorted(maps.Keys(run.Versions)) {
		list = append(list, fact{name, run.Versions[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(run.Programs)) {
		list = append(list, fact{"File of " + name, "SHA-256 " + run.Programs[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Mitigations)) {
		list = append(list, fact{"Mitigation, " + strings.ReplaceAll(name, "_", " "), m.Mitigations[name]})
	}
	return list
}

// switchFacts are the switches of all rows, in order of appearance, with their versions.
func switchFacts(run *result.Run) (list []fact) {
	for i := range run.Rows {
		for _, c := range run.Rows[i].Contenders {
			at := slices.IndexFunc(list, func(f fact) bool { return f.Name == c.Name })
			switch {
			case at < 0:
				list = append(list, fact{c.Name, c.Version})
			case !slices.Contains(strings.Split(list[at].Text, "; "), c.Version):
				list[at].Text += "; " + c.Version
			}
		}
	}
	return list
}

// switchesLine says in one line what was measured.
func switchesLine(run *result.Run) string {
	var list []string
	for _, f := range switchFacts(run) {
		list = append(list, strings.TrimSpace(f.Name+" "+f.Text))
	}
	return strings.Join(list, " · ")
}

// orUntold says of what RFC 8204 asks for, and this machine has no answer to, that it has none.
func orUntold(s string) string {
	if s == "" {
		return "the machine does not say"
	}
	return s
}

// setupFacts are RFC 8204's about how the parts were put together.
func setupFacts(run *result.Run) []fact {
	s := &run.Setup
	var threads []string
	for _, t := range s.Threads {
		threads = append(threads, fmt.Sprintf("CPU %d: %s", t.CPU, t.Name))
	}
	return facts("Deployment", s.Deployment, "Generator", s.Generator, "Generator by itself", aloneText(run, partsOf(run)), "Ports", strings.Join(s.Ports, "; "), "Threads", strings.Join(threads, "; "),
		"Memory", s.Memory, "Isolation", s.Isolation, "Windows", s.Windows, "Repetition", s.Repetition, "Not here", strings.Join(s.Missing, "; "))
}

func partsOf(run *result.Run) (all []int) {
	for i := range run.Parts {
		all = append(all, i+1)
	}
	return all
}

// aloneText says what our own generator did by itself in some parts of a run, from 1 on.
func aloneText(run *result.Run, parts []int) string {
	var list []string
	for _, n := range parts {
		p := &run.Parts[n-1]
		text := UnitOf("packets/s", p.Generator).Text(p.Generator)
		if len(p.Distance) == 2 {
			text += fmt.Sprintf(", cache line %.0f and %.0f ns", p.Distance[0], p.Distance[1])
		}
		if len(run.Parts) > 1 {
			text = fmt.Sprintf("part %d, begun %s: %s", n, p.Started.UTC().Format("2006-01-02 15:04:05 UTC"), text)
		}
		list = append(list, text)
	}
	return strings.Join(list, "; ")
}

// rowFacts is what a row was measured with.
type rowFacts struct {
	Name       string
	Facts      []fact
	Rules      []string
	Contenders []result.Contender
}

func rowsFacts(run *result.Run) (list []rowFacts) {
	for i := range run.Rows {
		row := &run.Rows[i]
		t := &row.Traffic
		f := rowFacts{Name: row.Name, Rules: t.Rules, Contenders: row.Contenders}
		f.Facts = facts("Task", t.Task, "Traffic type", t.Protocol, "Frames", frameText(*t), "Ports", t.Ports)
		if len(run.Parts) > 1 {
			f.Facts = append(f.Facts, facts("Generator by itself", aloneText(run, run.PartsOf(row)))...)
		}
		if t.Flows > 0 {
			f.Facts = append(f.Facts, fact{"Flows", count(float64(t.Flows))})
		}
		if t.Directions > 0 {
			f.Facts = append(f.Facts, fact{"Directions", fmt.Sprint(t.Directions)})
		}
		list = append(list, f)
	}
	return list
}

// frameText says how large frames are.
func frameText(t result.Traffic) string {
	if t.Mix != "" {
		return t.Mix
	}
	if t.FrameBytes == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes", t.FrameBytes)
}

// A windowRow is one window as it is.
type windowRow struct{ Row, Contender, Turn, Class, Figures, State string }

func windowRows(run *result.Run) (list []windowRow) {
	for i := range run.Rows {
		row := &run.Rows[i]
		for k := range row.Windows {
			w := &row.Windows[k]
			var said []string
			for _, m := range row.Measures {
				if v, ok := w.Value(m); ok {
					said = append(said, m.Name+" "+UnitOf(m.Unit, v).Text(v))
				}
			}
			list = append(list, windowRow{row.Name, w.Contender, fmt.Sprintf("%d.%d", w.Round, w.Turn+1), w.Class, strings.Join(said, ", "), stateOf(w)})
		}
	}
	return list
}

// stateOf says what else is known of a window.
func stateOf(w *result.Window) string {
	var said []string
	if w.LeftOut != "" {
		said = append(said, "left out: "+w.LeftOut)
	}
	if w.Disturbed != "" {
		said = append(said, w.Disturbed)
	}
	if w.Limited {
		said = append(said, "the generator was the limit")
	}
	if len(w.Distance) == 2 {
		said = append(said, fmt.Sprintf("cache line %.0f and %.0f ns", w.Distance[0], w.Distance[1]))
	}
	if w.Memory > 0 {
		said = append(said, fmt.Sprintf("the switch had %d MiB of memory", w.Memory>>20))
	}
	return strings.Join(append(said, present(w.Note)...), "; ")
}
