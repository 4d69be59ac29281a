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
	row   *result.Row
	class string
	of    []map[string]float64 // by contender and stage
}

// stageSection shows where a packet's cycles go. A stage has the same colour in every plot.
func stageSection(run *result.Run) section {
	s := section{ID: "stages", Title: "Cycles by stage", Text: "What a packet costs the switch in each stage: medians of all windows, in cycles. The tables say which colour is which stage; it is the same one in all plots."}
	var all []stageCost
	var order []string
	eachClass(run, func(row *result.Row, class string) {
		c := stageCost{row, class, make([]map[string]float64, len(row.Contenders))}
		for i, who := range row.Contenders {
			c.of[i] = stageCosts(row, who.Name, class, &order)
		}
		all = append(all, c)
	})
	order = gather(order, all)
	for i := range all {
		if f, ok := all[i].figure(fmt.Sprintf("stages-%d", len(s.Figures)), order); ok {
			s.Figures = append(s.Figures, f)
		}
	}
	return s
}

// most stages have a colour of their own; all smaller ones share the last.
const mostStages = 8

// otherStages is the name of those.
const otherStages = "all others"

// figure draws it. order is that of all stages of the run.
func (c *stageCost) figure(id string, order []string) (figure, bool) {
	f := figure{Title: c.row.Name + classNote(c.class), Head: []string{"stage"}, Open: true}
	chart := plot.Stack{Title: f.Title}
	var said []string
	for i, who := range c.row.Contenders {
		if len(c.of[i]) == 0 {
			continue
		}
		f.Head = append(f.Head, who.Name)
		w := plot.Whole{Name: who.Name}
		sum := 0.0
		for k, stage := range order {
			v := c.of[i][stage]
			sum += v
			w.Parts = append(w.Parts, plot.Part{Series: k, Name: stageName(stage), Value: v})
		}
		w.Text = digits(sum) + " cycles"
		chart.Wholes = append(chart.Wholes, w)
		said = append(said, fmt.Sprintf("%s: %s a packet.", who.Name, w.Text))
	}
	if len(said) == 0 {
		return figure{}, false
	}
	f.Cells = c.cells(order)
	chart.Description = strings.Join(said, " ") + " The table below has the stages."
	f.SVG = template.HTML(chart.SVG(id))
	return f, true
}

// stageName is a stage's name in words: counters have theirs with underscores.
func stageName(counter string) string { return strings.ReplaceAll(counter, "_", " ") }

// cells are the lines of the table: the stages that somebody has.
func (c *stageCost) cells(order []string) (lines [][]cell) {
	for k, stage := range order {
		line := []cell{{Series: fmt.Sprint("s", k), Text: stageName(stage)}}
		known := false
		for _, costs := range c.of {
			if len(costs) == 0 {
				continue
			}
			v, has := costs[stage]
			known = known || has
			line = append(line, cell{Text: digits(v)})
		}
		if known {
			lines = append(lines, line)
		}
	}
	return lines
}

// stageCosts returns the median cycles of each stage of a contender, and adds stages that are new to order.
func stageCosts(row *result.Row, contender, class string, order *[]string) map[string]float64 {
	all, windows := make(map[string][]float64), 0
	for _, w := range row.Windows {
		if w.Contender != contender || w.Class != class || w.LeftOut != "" || len(w.Stages) == 0 {
			continue
		}
		windows++
		for _, s := range w.Stages {
			if !slices.Contains(*order, s.Name) {
				*order = append(*order, s.Name)
			}
			all[s.Name] = append(all[s.Name], s.Cycles)
		}
	}
	costs := make(map[string]float64)
	for name, values := range all {
		for len(values) < windows { // it took nothing in the others
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
			sum := 0.0
			for _, v := range costs {
				sum += v
			}
			for name, v := range costs {
				largest[name] = max(largest[name], v/max(sum, 1))
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
