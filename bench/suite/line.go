package suite

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/culvertdev/culvert/bench/report"
	"github.com/culvertdev/culvert/bench/result"
)

// print writes a line about one window as soon as it has been measured, and one for each stage.
func (s *sample) print(w io.Writer) {
	var said []string
	kept := s.result()
	for _, m := range s.Row.Measures {
		if v, ok := kept.Value(m); ok {
			said = append(said, m.Name+" "+report.UnitOf(m.Unit, v).Text(v))
		}
	}
	if s.Limited {
		said = append(said, "the generator was the limit")
	}
	if !s.valid() {
		said = append(said, "left out: looked up otherwise than the row says")
	}
	fmt.Fprintf(w, "%s  %s %s: %s  (%s; %s: cache line %d, %d ns; others use %.0f and %.0f %%, waited %.0f %%; took %.1f s)\n", s.Cell, s.Contender, s.Version,
		strings.Join(said, ", "), s.LookUps, s.class(), s.Distance[0], s.Distance[1], 100*s.Used[0], 100*s.Used[1], 100*s.Waited, s.Took.Seconds())
	printStages(w, s.Stages)
}

func printStages(w io.Writer, list []result.Stage) {
	sum := 0.0
	for _, s := range list {
		sum += s.Cycles
	}
	for _, s := range list {
		fmt.Fprintf(w, "    %5.1f %%  %6.1f cycles  %s\n", 100*s.Cycles/max(sum, 1), s.Cycles, s.Name)
	}
}

func formatPercent(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) }
