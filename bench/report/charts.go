package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/report/plot"
	"github.com/culvertdev/culvert/bench/result"
)

// rateSection compares contenders in what the rows are about.
func rateSection(all []Summary) section {
	first := func(s Summary) bool { return s.Measure.Name == s.Row.Measures[0].Name }
	return section{"contenders", "Contenders side by side",
		"Bars are medians, dots single windows, brackets where the median lies with 95 % certainty (the range of fewer than six windows). Only windows of one class stand together. ≥ and ≤: the generator was the limit, and what the switch could do is not known. ?: it was in some of the windows, and the figure is perhaps its own. *: others disturbed all windows.",
		barFigures("contenders", slices.DeleteFunc(slices.Clone(all), func(s Summary) bool { return !first(s) }))}
}

// costSection is everything else that was taken of windows.
func costSection(all []Summary) section {
	rest := slices.DeleteFunc(slices.Clone(all), func(s Summary) bool { return s.Measure.Name == s.Row.Measures[0].Name })
	return section{"more", "What else was measured", "Drawn as above.", barFigures("more", rest)}
}

// barFigures makes a chart of all summaries of one measure, but for mixed windows of rows that have others: they are of no one state of the machine.
func barFigures(id string, all []Summary) (list []figure) {
	var measures []result.Measure
	for _, s := range all {
		if !slices.Contains(measures, s.Measure) {
			measures = append(measures, s.Measure)
		}
	}
	for i, m := range measures {
		some := slices.DeleteFunc(slices.Clone(all), func(s Summary) bool { return s.Measure != m || s.Class == result.Mixed && len(s.Row.Classes()) > 1 })
		largest := 0.0
		for _, s := range some {
			largest = max(largest, s.Largest())
		}
		parts := chunks(some)
		for k, part := range parts {
			f := barFigure(fmt.Sprintf("%s-%d-%d", id, i, k), m, part, largest)
			f.Title += partText(k, len(parts))
			list = append(list, f)
		}
	}
	return list
}

// barFigure draws summaries of one measure on a scale up to largest.
func barFigure(id string, m result.Measure, all []Summary, largest float64) figure {
	u := UnitOf(m.Unit, largest)
	f := figure{Title: title(nameOf(m)) + ", " + u.Name, Head: []string{"row", "contender", "median, " + u.Name, "from", "to", "windows", "ratio"}}
	if m.Better != result.Neither {
		f.Title += fmt.Sprintf(": %s is better", m.Better)
	}
	chart := plot.Bars{Title: f.Title, Largest: largest}
	var said []string
	for _, s := range all {
		label := s.Label
		g := plot.Group{Label: label}
		for _, e := range s.Entries {
			text := s.bound(e, "≥ ", "≤ ") + u.Figure(e.Median)
			b := plot.Bar{Series: e.Number, Name: e.Contender.Name, Value: e.Median, Low: e.Where.Low, High: e.Where.High, Dots: e.Values, Text: text + e.marks()}
			ratio := ""
			if e.Ratio > 0 {
				ratio = s.ratioText(e)
				g.Notes = append(g.Notes, ratio+" "+e.Contender.Name)
			}
			g.Bars = append(g.Bars, b)
			f.Cells = append(f.Cells, cells(label, e.Contender.Name, b.Text, u.Figure(e.Where.Low), u.Figure(e.Where.High), fmt.Sprint(e.Windows), ratio+e.ratioRange()))
			said = append(said, fmt.Sprintf("%s, %s: %s %s%s", label, e.Contender.Name, text, u.Name, e.marks()))
		}
		chart.Groups = append(chart.Groups, g)
	}
	chart.Description = strings.Join(said, ". ")
	f.SVG = template.HTML(chart.SVG(id))
	return f
}

// mostGroups is how many rows a figure has at most: more are several figures of one scale, which stand beside each other where there is room.
const mostGroups = 12

// chunks divides a list into such parts, as even as they can be.
func chunks[T any](list []T) (parts [][]T) {
	n := (len(list) + mostGroups - 1) / mostGroups
	for i := range n {
		parts = append(parts, list[i*len(list)/n:(i+1)*len(list)/n])
	}
	return parts
}

// partText says which of several figures one is.
func partText(i, n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d of %d)", i+1, n)
}

func cells(texts ...string) (list []cell) {
	for _, t := range texts {
		list = append(list, cell{Text: t})
	}
	return list
}

// nameOf is the name of a measure that stands by itself: that of a percentile does not say of what it is.
func nameOf(m result.Measure) string {
	if m.Percentile > 0 {
		return "latency, " + m.Name
	}
	return m.Name
}

// title begins with a capital letter.
func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
