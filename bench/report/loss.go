package report

import (
	"fmt"
	"strconv"

	"github.com/culvertdev/culvert/bench/report/plot"
	"github.com/culvertdev/culvert/bench/result"
)

// lossSection draws loss against load: the last window that counts of each contender, as loads differ from window to window.
func lossSection(run *result.Run) section {
	s := section{ID: "loss", Title: "Loss against load", Text: "The share of packets lost at each offered rate, in the last window that counts. Shares are drawn in powers of ten, with none at the bottom."}
	numbers := numbersOf(run)
	eachClass(run, func(row *result.Row, class, label string) {
		if f, ok := lossFigure(fmt.Sprintf("loss-%d", len(s.Figures)), row, class, label, numbers); ok {
			s.Figures = append(s.Figures, f)
		}
	})
	return s
}

func lossFigure(id string, row *result.Row, class, label string, numbers map[string]int) (figure, bool) {
	var points seriesOf
	least, largest := 1.0, 0.0
	for _, c := range row.Contenders {
		for _, l := range lastLoad(row, c.Name, class) {
			largest = max(largest, l.Offered)
			if lost := l.Lost(); lost > 0 {
				least = min(least, lost)
			}
			at := points.named(c.Name, numbers[c.Name])
			at.Points = append(at.Points, plot.Point{X: l.Offered, Y: l.Lost()})
		}
	}
	if len(points.list) == 0 {
		return figure{}, false
	}
	u := UnitOf("packets/s", largest)
	return linesFigure(id, "%s", plot.Lines{
		Title:  label,
		X:      plot.Axis{Label: "offered, " + u.Name, Scale: plot.NewLinear(largest), Tick: u.Tick, Format: u.Figure},
		Y:      plot.Axis{Label: "lost", Scale: plot.NewShares(least), Tick: shareText, Format: shareText},
		Series: points.list,
	}), true
}

func lastLoad(row *result.Row, contender, class string) (steps []result.LoadStep) {
	for _, w := range row.Counted(contender, class, func(w *result.Window) bool { return len(w.Load) > 0 }) {
		steps = w.Load
	}
	return steps
}

func shareText(v float64) string {
	if v == 0 {
		return "none"
	}
	return strconv.FormatFloat(100*v, 'g', 3, 64) + " %"
}
