package report

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/result"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

// HTML writes a run as one file that needs nothing else: no script, no font, no picture from anywhere.
func HTML(out io.Writer, run *result.Run) error {
	t, err := template.New("page").Funcs(template.FuncMap{"join": strings.Join}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(out, newPage(run))
}

// A page is what the template shows.
type page struct {
	Style    template.CSS
	Title    string
	Machine  string
	When     string
	Headline []headline
	Sections []section
	Table    []tableRow
	Remarks  []string
	Setup    []fact
	Rows     []rowFacts
	Platform []fact
	Commands []string
	Windows  []windowRow
}

// A headline is what a row comes to: how the first contender stands beside another.
type headline struct{ Row, Ratio, Of, Better string }

// A section has figures of one kind.
type section struct {
	ID, Title, Text string
	Figures         []figure
}

// A figure is a chart, and what it shows as a table for who does not see it, or wants the numbers.
type figure struct {
	Title string
	SVG   template.HTML // by package plot, which has escaped what is in it
	Head  []string
	Cells [][]cell
	Open  bool // the table is part of the figure: it says which colour is what
}

// A cell of a table. Series is a class of a colour, if it has one.
type cell struct{ Series, Text string }

// A fact is a name with what is said of it.
type fact struct{ Name, Text string }

func newPage(run *result.Run) *page {
	all := Summaries(run)
	p := &page{
		Style: template.CSS(styleText), Title: run.Title, Machine: machineLine(run), When: when(run),
		Headline: headlines(all), Table: tableRows(all), Remarks: strings.Split(strings.TrimSpace(remarks(run)), "\n"),
		Setup: setupFacts(run), Rows: rowsFacts(run), Platform: platformFacts(run), Commands: run.Commands, Windows: windowRows(run),
	}
	for _, s := range []section{rateSection(all), flowSection(all), latencySection(run), stageSection(run), lossSection(run), costSection(all)} {
		if len(s.Figures) > 0 {
			p.Sections = append(p.Sections, s)
		}
	}
	return p
}

func when(run *result.Run) string {
	const form = "2 January 2006, 15:04 MST"
	if run.Started.IsZero() {
		return ""
	}
	s := run.Started.Format(form)
	if run.Changed.Sub(run.Started) > time.Minute {
		s += " to " + run.Changed.Format(form)
	}
	return s
}

// headlines are the ratios of what rows are about.
func headlines(all []Summary) (list []headline) {
	for _, s := range all {
		if s.Measure.Name != s.Row.Measures[0].Name {
			continue
		}
		for _, e := range s.Entries {
			if e.Ratio > 0 {
				list = append(list, headline{s.Row.Name + classNote(s.Class), ratioText(s, e), e.Contender.Name, s.judge(e.Ratio)})
			}
		}
	}
	return list
}

// ratioText says at least, or at most, when the generator was the limit of one of the two; nothing is known when of both.
func ratioText(s Summary, e Entry) string {
	text := digits(e.Ratio) + " ×"
	switch first := s.Entries[0].Limited; {
	case first && e.Limited:
		return "about " + text
	case first:
		return "≥ " + text
	case e.Limited:
		return "≤ " + text
	}
	return text
}

// judge says in a word whether a ratio of the first contender is good for it.
func (s *Summary) judge(ratio float64) string {
	switch {
	case ratio > 0.995 && ratio < 1.005:
		return "even"
	case (ratio > 1) == (s.Measure.Better == result.More):
		return "better"
	}
	return "worse"
}
