package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/culvertdev/culvert/bench/report/plot"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/stat"
)

// latencySection draws, row by row and class by class, within which time how many packets arrived.
func latencySection(run *result.Run) section {
	s := section{ID: "latency", Title: "Latency", Text: "How long the fastest so many per cent of the packets took at most; each further 9 takes the same room. The median of all windows at each percentile, brackets as above. Hollow marks: the generator was the limit in some of the windows, and the figure is perhaps its own."}
	numbers := numbersOf(run)
	eachClass(run, func(row *result.Row, class, label string) {
		if f, ok := latencyFigure(fmt.Sprintf("latency-%d", len(s.Figures)), row, class, label, numbers); ok {
			s.Figures = append(s.Figures, f)
		}
	})
	return s
}

// eachClass calls f for each class of windows of each row, but for mixed ones where there are others: a curve of those would be of no
// one state of the machine.
func eachClass(run *result.Run, f func(row *result.Row, class, label string)) {
	usual := usualClass(run)
	for i := range run.Rows {
		classes := run.Rows[i].Classes()
		for _, class := range classes {
			if class == result.Mixed && len(classes) > 1 {
				continue
			}
			f(&run.Rows[i], class, run.Rows[i].Name+classNote(class, usual))
		}
	}
}

func latencyFigure(id string, row *result.Row, class, label string, numbers map[string]int) (figure, bool) {
	percents := percentiles(row, class)
	var points seriesOf
	least, largest := math.Inf(1), 0.0
	for _, c := range row.Contenders {
		for _, percent := range percents {
			m := result.Measure{Percentile: percent}
			f := row.Figures(c.Name, class, m)
			values := f.Values
			if len(values) == 0 {
				continue
			}
			where := whereOf(values, row.Starts(c.Name, class, m).Values)
			p := plot.Point{X: percent, Y: max(1, stat.Median(values)), Low: max(1, where.Low), High: max(1, where.High), Open: f.Doubtful > 0} // a logarithm wants more than 0 ns
			least, largest = min(least, p.Low), max(largest, p.High)
			at := points.named(c.Name, numbers[c.Name])
			at.Points = append(at.Points, p)
		}
	}
	if len(percents) < 2 || len(points.list) == 0 {
		return figure{}, false
	}
	highest, slowest := percents[len(percents)-1], false
	if highest == 100 {
		highest, slowest = percents[len(percents)-2], true
	}
	return linesFigure(id, "%s ?", plot.Lines{
		Title: label,
		X:     plot.Axis{Label: "% of packets", Scale: plot.NewNines(highest, slowest), Tick: percentText, Format: percentText},
		Y: plot.Axis{Label: "latency", Scale: plot.NewLog(least, largest), Tick: func(v float64) string { return UnitOf("ns", v).Tick(v) + " " + UnitOf("ns", v).Name },
			Format: func(v float64) string { return UnitOf("ns", v).Text(v) }},
		Series: points.list,
	}), true
}

// percentiles returns those that windows of a class have.
func percentiles(row *result.Row, class string) (list []float64) {
	for _, w := range row.Windows {
		if w.Class != class || w.LeftOut != "" {
			continue
		}
		for _, p := range w.Latency {
			if !slices.Contains(list, p.Percent) {
				list = append(list, p.Percent)
			}
		}
	}
	slices.Sort(list)
	return list
}

func percentText(v float64) string {
	if v == 100 {
		return "all"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
