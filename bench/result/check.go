package result

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a file may have at most: far beyond what runs have, and little enough to be worked on and shown.
const (
	mostRows    = 2000
	mostWindows = 10_000 // of a row
	mostItems   = 1000   // of other lists
	mostText    = 4000   // bytes of one string
	mostFigure  = 1e18
)

// Check says what is wrong with a run, nil if nothing is. Whatever passes can be shown: strings are short, printable lines of UTF-8,
// numbers are neither negative nor absurd, names lead somewhere.
func (r *Run) Check() error {
	c := new(checker)
	c.at("run")
	c.want(r.Schema == Schema, "schema %d: want %d", r.Schema, Schema)
	c.name("program", r.Program)
	c.texts("title", r.Title)
	c.texts("command", r.Commands...)
	c.machine(r)
	c.setup(&r.Setup)
	c.list("programs", len(r.Programs), mostItems)
	for k, v := range r.Programs {
		c.texts("program", k, v)
	}
	c.list("parts", len(r.Parts), mostItems)
	for _, p := range r.Parts {
		c.list("figures before and after", len(p.Distance), 2)
		c.number("part", slices.Concat(p.Distance, []float64{p.Generator})...)
	}
	c.list("rows", len(r.Rows), mostRows)
	seen := make(map[string]bool)
	for i := range r.Rows {
		row := &r.Rows[i]
		c.at("row %q", cut(row.Name))
		c.name("name", row.Name)
		c.want(!seen[row.Name], "there are two of this name")
		seen[row.Name] = true
		c.row(row, len(r.Parts))
	}
	return c.err
}

// A checker keeps the first thing that is wrong.
type checker struct {
	where string
	err   error
}

func (c *checker) at(format string, args ...any) {
	if c.err == nil {
		c.where = fmt.Sprintf(format, args...)
	}
}

func (c *checker) want(ok bool, format string, args ...any) {
	if !ok && c.err == nil {
		c.err = fmt.Errorf("%s: %w", c.where, fmt.Errorf(format, args...))
	}
}

func (c *checker) list(what string, n, most int) {
	c.want(n <= most, "%d %s: want at most %d", n, what, most)
}

// texts wants lines that can be printed anywhere: no control characters, which would move a terminal's cursor.
func (c *checker) texts(what string, all ...string) {
	c.list(what, len(all), mostItems)
	for _, s := range all {
		c.want(len(s) <= mostText, "%s of %d bytes: want at most %d", what, len(s), mostText)
		bad := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError })
		c.want(bad < 0, "%s %q: want printable characters on one line", what, cut(s))
	}
}

func (c *checker) name(what, s string) {
	c.want(strings.TrimSpace(s) != "", "%s: want one", what)
	c.want(len(s) <= 200, "%s %q: want at most 200 bytes", what, cut(s))
	c.texts(what, s)
}

// number wants a figure that can be drawn. JSON has neither NaN nor infinity, but Go has.
func (c *checker) number(what string, all ...float64) {
	for _, v := range all {
		c.want(v >= 0 && v <= mostFigure, "%s %v: want 0 to %g", what, v, mostFigure)
	}
}

func (c *checker) machine(r *Run) {
	m := &r.Machine
	c.texts("machine", m.CPU, m.Microcode, m.Hypervisor, m.Platform, m.BIOS, m.Governor, m.Idle, m.Kernel, m.System, m.HugePages)
	c.texts("boot parameter", m.Boot...)
	c.list("mitigations", len(m.Mitigations), mostItems)
	for k, v := range m.Mitigations {
		c.texts("mitigation", k, v)
	}
	c.want(m.CPUs >= 0 && m.CPUsPerCore >= 0 && m.Nodes >= 0 && m.Memory >= 0, "machine: want no negative numbers")
	c.list("versions", len(r.Versions), mostItems)
	for k, v := range r.Versions {
		c.texts("version", k, v)
	}
}

func (c *checker) setup(s *Setup) {
	c.texts("setup", s.Deployment, s.Generator, s.Memory, s.Isolation, s.Windows, s.Repetition)
	c.texts("port", s.Ports...)
	c.texts("missing", s.Missing...)
	c.want(s.Nice >= -20 && s.Nice <= 19, "nice value %d: want -20 to 19", s.Nice)
	c.list("threads", len(s.Threads), mostItems)
	for _, t := range s.Threads {
		c.texts("thread", t.Name)
		c.want(t.CPU >= 0, "thread %q: CPU %d: want 0 or more", cut(t.Name), t.CPU)
	}
}

func (c *checker) row(r *Row, parts int) {
	t := &r.Traffic
	c.texts("traffic", t.Task, t.Protocol, t.Mix, t.Ports)
	c.texts("rule", t.Rules...)
	c.want(min(t.FrameBytes, t.Flows, t.Directions) >= 0, "traffic: want no negative numbers")
	c.want(len(r.Measures) > 0, "measures: want at least one")
	c.want(len(r.Contenders) > 0, "contenders: want at least one")
	c.measures(r.Measures)
	c.contenders(r.Contenders)
	c.list("windows", len(r.Windows), mostWindows)
	type turn struct {
		contender   string
		round, turn int
	}
	seen := make(map[turn]bool)
	row := c.where
	for i := range r.Windows {
		w := &r.Windows[i]
		c.at("%s, window %d", row, i+1)
		_, known := r.Contender(w.Contender)
		c.want(known, "contender %q: want one of the row's", cut(w.Contender))
		t := turn{w.Contender, w.Round, w.Turn}
		c.want(!seen[t], "%s, round %d, turn %d: there are two of them", cut(w.Contender), w.Round, w.Turn)
		seen[t] = true
		c.want(w.Part >= 0 && w.Part <= parts, "part %d: want at most %d", w.Part, parts)
		c.window(r, w)
	}
}

func (c *checker) measures(list []Measure) {
	c.list("measures", len(list), mostItems)
	seen := make(map[string]bool)
	for _, m := range list {
		c.name("measure", m.Name)
		c.texts("unit", m.Unit)
		c.want(!seen[m.Name], "measure %q: there are two of this name", cut(m.Name))
		c.want(m.Better == More || m.Better == Less || m.Better == Neither, "measure %q: better %q: want more, less or neither", cut(m.Name), cut(string(m.Better)))
		c.want(m.Percentile >= 0 && m.Percentile <= 100, "measure %q: percentile %v: want 0 to 100", cut(m.Name), m.Percentile)
		seen[m.Name] = true
	}
}

func (c *checker) contenders(list []Contender) {
	c.list("contenders", len(list), mostItems)
	seen := make(map[string]bool)
	for _, s := range list {
		c.name("contender", s.Name)
		c.texts("version", s.Version)
		c.texts("configuration", s.Config...)
		c.want(!seen[s.Name], "contender %q: there are two of this name", cut(s.Name))
		seen[s.Name] = true
	}
}

func (c *checker) window(r *Row, w *Window) {
	c.want(w.Round >= 1 && w.Turn >= 0, "round %d, turn %d: want at least 1 and 0", w.Round, w.Turn)
	c.texts("text", w.Class, w.LeftOut, w.Disturbed, w.Note)
	c.list("figures before and after", max(len(w.Distance), len(w.Others)), 2)
	c.number("figure", slices.Concat(w.Distance, w.Others, []float64{w.Waited, w.OwnWait, float64(w.Memory)})...)
	for name, v := range w.Figures {
		m, ok := r.Measure(name)
		c.want(ok && m.Percentile == 0, "figure %q: want the name of a measure that is no percentile", cut(name))
		c.number(name, v)
	}
	for _, name := range w.Exact {
		_, ok := w.Figures[name]
		c.want(ok, "exact %q: want the name of a figure", cut(name))
	}
	c.list("percentiles, stages or loads", max(len(w.Latency), len(w.Stages), len(w.Load)), mostItems)
	for i, p := range w.Latency {
		c.number("latency", p.Ns)
		c.want(p.Percent > 0 && p.Percent <= 100, "percentile %v: want above 0 to 100", p.Percent)
		c.want(i == 0 || p.Percent > w.Latency[i-1].Percent && p.Ns >= w.Latency[i-1].Ns, "percentile %v: want rising ones", p.Percent)
	}
	for _, s := range w.Stages {
		c.name("stage", s.Name)
		c.number("stage", s.Cycles)
	}
	for i, l := range w.Load {
		c.number("load", l.Offered, l.Received)
		c.want(i == 0 || l.Offered >= w.Load[i-1].Offered, "load %v: want rising ones", l.Offered)
	}
}

// cut keeps error messages short.
func cut(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// errTooLarge is a file that no run of the bench has written.
var errTooLarge = errors.New("larger than 64 MiB")
