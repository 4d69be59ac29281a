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

// stageSection shows where a packet's cycles go.
func stageSection(run *result.Run) section {
	s := section{ID: "stages", Title: "Cycles by stage", Text: "What a packet costs the switch in each stage: medians of all windows, in cycles. The table says which colour is which stage, from left to right."}
	eachClass(run, func(row *result.Row, class string) {
		if f, ok := stageFigure(fmt.Sprintf("stages-%d", len(s.Figures)), row, class); ok {
			s.Figures = append(s.Figures, f)
		}
	})
	return s
}

// most stages have a colour of their own; all smaller ones share the last.
const mostStages = 8

// otherStages is the name of those.
const otherStages = "all others"

func stageFigure(id string, row *result.Row, class string) (figure, bool) {
	costs := make([]map[string]float64, len(row.Contenders)) // by contender and stage
	var order []string
	for i, c := range row.Contenders {
		costs[i] = stageCosts(row, c.Name, class, &order)
	}
	if len(order) == 0 {
		return figure{}, false
	}
	order = gather(order, costs)
	f := figure{Title: row.Name + classNote(class), Head: []string{"stage"}, Open: true}
	chart := plot.Stack{Title: f.Title}
	var said []string
	for k, stage := range order {
		f.Cells = append(f.Cells, []cell{{Series: fmt.Sprint("s", k), Text: stage}})
	}
	for i, c := range row.Contenders {
		if len(costs[i]) == 0 {
			continue
		}
		f.Head = append(f.Head, c.Name)
		w := plot.Whole{Name: c.Name}
		sum := 0.0
		for k, stage := range order {
			v := costs[i][stage]
			sum += v
			w.Parts = append(w.Parts, plot.Part{Series: k, Name: stage, Value: v})
			f.Cells[k] = append(f.Cells[k], cell{Text: digits(v)})
		}
		w.Text = digits(sum) + " cycles"
		chart.Wholes = append(chart.Wholes, w)
		said = append(said, fmt.Sprintf("%s: %s a packet.", c.Name, w.Text))
	}
	chart.Description = strings.Join(said, " ") + " The table below has the stages."
	f.SVG = template.HTML(chart.SVG(id))
	return f, true
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

// gather makes one of the stages that have no colour left, and returns the order of what there is then.
func gather(order []string, costs []map[string]float64) []string {
	if len(order) <= mostStages {
		return order
	}
	largest := make(map[string]float64)
	for _, c := range costs {
		for name, v := range c {
			largest[name] = max(largest[name], v)
		}
	}
	delete(largest, otherStages)
	by := slices.SortedFunc(maps.Keys(largest), func(a, b string) int {
		return cmp.Or(cmp.Compare(largest[b], largest[a]), cmp.Compare(a, b))
	})
	for _, small := range by[mostStages-1:] {
		for _, c := range costs {
			if v, ok := c[small]; ok {
				c[otherStages] += v
				delete(c, small)
			}
		}
	}
	kept := slices.DeleteFunc(slices.Clone(order), func(s string) bool { return !slices.Contains(by[:mostStages-1], s) })
	return append(kept, otherStages)
}
