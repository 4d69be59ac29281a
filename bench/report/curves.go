package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/bench/report/plot"
	"github.com/culvertdev/culvert/bench/result"
)

// flowSection draws what rows are about by their number of flows: one chart for rows that are alike in all else.
func flowSection(all []Summary) section {
	s := section{ID: "flows", Title: "By number of flows", Text: "Rows that differ in nothing but the number of flows. Upright lines are brackets as above. Hollow marks: the generator was the limit, so that a curve says nothing of the switch there but that it does at least as much; with a ? in the table, that what it says is perhaps the generator's."}
	groups := make(map[string][]Summary)
	var order []string
	for _, sum := range all {
		if sum.Measure.Name != sum.Row.Measures[0].Name || sum.Row.Traffic.Flows == 0 || sum.Class == result.Mixed {
			continue
		}
		k := likeness(sum)
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], sum)
	}
	for _, k := range order {
		if g := groups[k]; len(g) > 1 {
			s.Figures = append(s.Figures, flowFigure(fmt.Sprintf("flows-%d", len(s.Figures)), g))
		}
	}
	return s
}

// likeness is what rows of one curve have in common.
func likeness(s Summary) string {
	t := s.Row.Traffic
	t.Flows = 0
	key, _ := json.Marshal([]any{t, s.Measure, s.Class}) // checked strings and numbers: it cannot fail
	return string(key)
}

func flowFigure(id string, all []Summary) figure {
	slices.SortStableFunc(all, func(a, b Summary) int { return cmp.Compare(a.Row.Traffic.Flows, b.Row.Traffic.Flows) })
	first, last := all[0].Row.Traffic, all[len(all)-1].Row.Traffic
	largest := 0.0
	var points seriesOf
	for _, s := range all {
		largest = max(largest, s.Largest())
		for _, e := range s.Entries {
			at := points.named(e.Contender.Name, e.Number)
			at.Points = append(at.Points, plot.Point{X: float64(s.Row.Traffic.Flows), Y: e.Median, Low: e.Where.Low, High: e.Where.High, Open: e.Limited || e.Doubtful})
		}
	}
	u, open := UnitOf(all[0].Measure.Unit, largest), "%s ?"
	if all[0].Measure.Bounded {
		open = all[0].bound(Entry{Limited: true}, "≥ %s", "≤ %s")
	}
	return linesFigure(id, open, plot.Lines{
		Title:  strings.Join(present(first.Task, first.Ports, frameText(first)), ", ") + strings.TrimPrefix(all[0].Label, all[0].Row.Name),
		X:      plot.Axis{Label: "flows", Scale: plot.NewLog(float64(first.Flows), float64(last.Flows)), Tick: count, Format: count},
		Y:      plot.Axis{Label: all[0].Measure.Name + ", " + u.Name, Scale: plot.NewLinear(largest), Tick: u.Tick, Format: u.Figure},
		Series: points.list,
	})
}

// seriesOf collects series by name.
type seriesOf struct{ list []plot.Series }

// named returns the series of a name, a new one of this number if there is none. It is valid until the next call.
func (s *seriesOf) named(name string, number int) *plot.Series {
	for i := range s.list {
		if s.list[i].Name == name {
			return &s.list[i]
		}
	}
	s.list = append(s.list, plot.Series{Number: number, Name: name})
	return &s.list[len(s.list)-1]
}

// linesFigure draws a chart and writes a table of it: a line for each place on the axis, a column for each series. open is the form of figures
// whose marks are hollow.
func linesFigure(id, open string, chart plot.Lines) figure {
	f := figure{Title: chart.Title, Head: []string{chart.X.Label}}
	var places []float64
	for _, s := range chart.Series {
		f.Head = append(f.Head, s.Name)
		for _, p := range s.Points {
			if !slices.Contains(places, p.X) {
				places = append(places, p.X)
			}
		}
	}
	slices.Sort(places)
	for _, x := range places {
		row := cells(chart.X.Format(x))
		for _, s := range chart.Series {
			text := "–"
			if i := slices.IndexFunc(s.Points, func(p plot.Point) bool { return p.X == x }); i >= 0 {
				p := s.Points[i]
				text = chart.Y.Format(p.Y)
				if p.Low < p.High {
					text += fmt.Sprintf(" (%s to %s)", chart.Y.Format(p.Low), chart.Y.Format(p.High))
				}
				if p.Open {
					text = fmt.Sprintf(open, text)
				}
			}
			row = append(row, cell{Text: text})
		}
		f.Cells = append(f.Cells, row)
	}
	chart.Description = described(chart)
	f.SVG = template.HTML(chart.SVG(id))
	return f
}

// described says what a chart shows: its ends, series by series; the table has the rest.
func described(chart plot.Lines) string {
	said := []string{fmt.Sprintf("%s by %s.", title(chart.Y.Label), chart.X.Label)}
	for _, s := range chart.Series {
		first, last := s.Points[0], s.Points[len(s.Points)-1]
		said = append(said, fmt.Sprintf("%s: %s at %s, %s at %s.", s.Name, chart.Y.Format(first.Y), chart.X.Format(first.X), chart.Y.Format(last.Y), chart.X.Format(last.X)))
	}
	return strings.Join(said, " ")
}

// count writes how many there are of something, large numbers short.
func count(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + " M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + " k"
	}
	return fmt.Sprintf("%.0f", v)
}

// present returns what is not empty.
func present(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
