package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
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
	Switches string // with their versions
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
type headline struct{ Row, Measure, Who, Ratio, Of, Range, Class, Word string }

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
	// Legend says which colour is what, where the chart does not.
	Legend []cell
}

// A cell of a table. Series is a class of a colour, if it has one.
type cell struct{ Series, Text string }

// A fact is a name with what is said of it.
type fact struct{ Name, Text string }

func newPage(run *result.Run) *page {
	all := Summaries(run)
	p := &page{
		Style: template.CSS(styleText), Title: run.Title, Machine: machineLine(run), Switches: switchesLine(run), When: when(run),
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
	const day, form = "2 January 2006, ", "15:04 MST"
	if run.Started.IsZero() {
		return ""
	}
	s := run.Started.Format(day + form)
	if run.Changed.Sub(run.Started) <= time.Minute {
		return s
	}
	if run.Changed.Format(day) == run.Started.Format(day) {
		return s + " to " + run.Changed.Format(form)
	}
	return s + " to " + run.Changed.Format(day+form)
}

// headlines are the ratios of what rows are about.
func headlines(all []Summary) (list []headline) {
	for _, s := range all {
		if s.Measure.Name != s.Row.Measures[0].Name {
			continue
		}
		for _, e := range s.Entries {
			if e.Ratio > 0 && !s.outdone(e, all) {
				class, word := s.judge(e)
				list = append(list, headline{s.Label, nameOf(s.Measure), s.Entries[0].Contender.Name, s.ratioText(e), e.Contender.Name, strings.TrimSpace(e.ratioRange()), class, word})
			}
		}
	}
	return list
}

// outdone reports whether there are windows enough to judge a contender by in another class, and too few in this one: a card of these would be noise.
func (s *Summary) outdone(e Entry, all []Summary) bool {
	enough := func(s *Summary, e Entry) bool { return min(s.Entries[0].Windows, e.Windows) >= fewest }
	return !enough(s, e) && slices.ContainsFunc(all, func(o Summary) bool {
		return o.Row == s.Row && o.Measure == s.Measure && slices.ContainsFunc(o.Entries, func(f Entry) bool {
			return f.Contender.Name == e.Contender.Name && f.Ratio > 0 && enough(&o, f)
		})
	})
}

// ratioText is a ratio, with a sign of at least or at most when the generator was the limit of one of the two.
func (s *Summary) ratioText(e Entry) string {
	sign := s.bound(s.Entries[0], "≥ ", "≤ ")
	if e.Limited {
		sign = s.bound(e, "≤ ", "≥ ")
	}
	return fmt.Sprintf("%s%.2f ×", sign, e.Ratio)
}

// ratioRange is where a ratio of windows in turns lies, in brackets; of others nothing, and of a single pair either.
func (e *Entry) ratioRange() string {
	if e.Between == nil || e.Between.Confidence == 0 || e.Ratio == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.2f to %.2f)", e.Between.Low, e.Between.High)
}

// fewest windows of each contender are what a rank test can tell anything from.
const fewest = 4

// judge says in a word, and by a class of the style, whether a ratio is good for the first contender. Words need windows enough,
// that nobody disturbed.
func (s *Summary) judge(e Entry) (class, word string) {
	switch {
	case s.Entries[0].Disturbed || e.Disturbed:
		return "even", "others disturbed it"
	case s.Entries[0].Doubtful || e.Doubtful:
		return "even", "perhaps the generator's"
	case min(s.Entries[0].Windows, e.Windows) < fewest:
		return "even", "too few windows to tell"
	case !e.Certain:
		return "even", "within the noise"
	}
	better := (e.Ratio > 1) == (s.Measure.Better == result.More)
	switch {
	case better && e.Limited, !better && s.Entries[0].Limited: // the one that looks worse could do better, and by how much is not known
		return "even", "the generator was the limit"
	case better:
		return "better", "better" + e.startsText(s.Entries[0])
	}
	return "worse", "worse" + e.startsText(s.Entries[0])
}
