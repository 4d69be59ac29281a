package report

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/report/plot"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/stat"
)

// A stageCost is what the stages of a row's contenders cost in windows of one class.
type stageCost struct {
	label string
	about string               // the row's first measure: packets of rows about different things do not cost alike
	names []string             // of the contenders
	of    []map[string]float64 // by contender and stage
}

// stageSection shows where a packet's cycles go. A stage has the same colour in every plot.
func stageSection(run *result.Run) section {
	s := section{ID: "stages", Title: "Cycles by stage", Text: "What a packet costs the switch in each stage, where it says that: medians of the windows that count, in cycles. Rows about the same thing have one scale."}
	var all []stageCost
	var order []string
	eachClass(run, func(row *result.Row, class, label string) {
		c := stageCost{label: label, about: nameOf(row.Measures[0])}
		for _, who := range row.Contenders {
			if costs := stageCosts(row, who.Name, class, &order); len(costs) > 0 {
				c.names, c.of = append(c.names, who.Name), append(c.of, costs)
			}
		}
		if len(c.of) > 0 {
			all = append(all, c)
		}
	})
	order = gather(order, all)
	var abouts []string
	for _, c := range all {
		if !slices.Contains(abouts, c.about) {
			abouts = append(abouts, c.about)
		}
	}
	for _, about := range abouts {
		some := slices.DeleteFunc(slices.Clone(all), func(c stageCost) bool { return c.about != about })
		parts := chunks(some)
		for i, part := range parts {
			f := stageFigure(fmt.Sprint("stages-", len(s.Figures)), part, order, costliest(some))
			f.Title += partText(i, len(parts))
			s.Figures = append(s.Figures, f)
		}
	}
	return s
}

// costliest is the most that any packet costs.
func costliest(all []stageCost) (most float64) {
	for _, c := range all {
		for _, costs := range c.of {
			most = max(most, sum(costs))
		}
	}
	return most
}

func sum(costs map[string]float64) (all float64) {
	for _, v := range costs {
		all += v
	}
	return all
}

// most stages have a colour of their own; all smaller ones share the last.
const mostStages = 8

// otherStages is the name of those.
const otherStages = "all others"

// stageFigure draws the stages of some rows. order is that of all stages of the run, largest the most that any packet costs.
func stageFigure(id string, all []stageCost, order []string, largest float64) figure {
	f := figure{Title: "Cycles a packet, rows about: " + all[0].about, Head: []string{"row", "contender"}}
	for k, stage := range order {
		f.Head = append(f.Head, stageName(stage))
		f.Legend = append(f.Legend, cell{Series: fmt.Sprint("s", k), Text: stageName(stage)})
	}
	chart := plot.Stack{Title: f.Title, Largest: largest}
	var said []string
	for _, c := range all {
		for i, who := range c.names {
			w := plot.Whole{Name: c.label + ": " + who, Text: digits(sum(c.of[i]))}
			line := cells(c.label, who)
			for k, stage := range order {
				v := c.of[i][stage]
				w.Parts = append(w.Parts, plot.Part{Series: k, Name: stageName(stage), Value: v})
				line = append(line, cell{Text: digits(v)})
			}
			chart.Wholes = append(chart.Wholes, w)
			f.Cells = append(f.Cells, line)
			said = append(said, fmt.Sprintf("%s: %s cycles a packet.", w.Name, w.Text))
		}
	}
	chart.Description = strings.Join(said, " ") + " The table below has the stages."
	f.SVG = template.HTML(chart.SVG(id))
	return f
}

// stageName is a stage's name in words: counters have theirs with underscores.
func stageName(counter string) string { return strings.ReplaceAll(counter, "_", " ") }

// stageCosts returns the median cycles of each stage of a contender, and adds stages that are new to order.
func stageCosts(row *result.Row, contender, class string, order *[]string) map[string]float64 {
	all := make(map[string][]float64)
	windows := row.Counted(contender, class, func(w *result.Window) bool { return len(w.Stages) > 0 })
	for _, w := range windows {
		at := 0
		for _, s := range w.Stages {
			i := slices.Index(*order, s.Name)
			if i < 0 { // it comes behind the one before it, on the way that packets take
				i = at
				*order = slices.Insert(*order, i, s.Name)
			}
			at = i + 1
			all[s.Name] = append(all[s.Name], s.Cycles)
		}
	}
	costs := make(map[string]float64)
	for name, values := range all {
		for len(values) < len(windows) { // it took nothing in the others
			values = append(values, 0)
		}
		costs[name] = stat.Median(values)
	}
	return costs
}

// gather makes one of the stages that have no colour left, in all plots, and returns the order of what there is then. Those keep one that
// are the largest part of any whole.
func gather(order []string, all []stageCost) []string {
	if len(order) <= mostStages {
		return order
	}
	largest := make(map[string]float64)
	for _, c := range all {
		for _, costs := range c.of {
			all := max(sum(costs), 1)
			for name, v := range costs {
				largest[name] = max(largest[name], v/all)
			}
		}
	}
	delete(largest, otherStages)
	by := slices.SortedFunc(maps.Keys(largest), func(a, b string) int {
		return cmp.Or(cmp.Compare(largest[b], largest[a]), cmp.Compare(a, b))
	})
	for _, c := range all {
		for _, costs := range c.of {
			for _, small := range by[mostStages-1:] {
				if v, ok := costs[small]; ok {
					costs[otherStages] += v
					delete(costs, small)
				}
			}
		}
	}
	kept := slices.DeleteFunc(slices.Clone(order), func(s string) bool { return !slices.Contains(by[:mostStages-1], s) })
	return append(kept, otherStages)
}
