package suite

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/report"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/stat"
)

// print writes what is known of one window as soon as it has been measured, and a line for each stage.
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
	fmt.Fprintf(w, "%s, %s %s\n", s.Cell, s.Contender, s.Version)
	printWords(w, said)
	printWords(w, strings.Split(s.LookUps, ", "))
	printWords(w, []string{
		"CPUs " + s.class(), fmt.Sprintf("cache line %.0f and %.0f ns", kept.Distance[0], kept.Distance[1]),
		fmt.Sprintf("others use %.0f and %.0f %%", 100*s.Used[0], 100*s.Used[1]),
		fmt.Sprintf("waited %.0f %%, of these %.0f for soft interrupts", 100*s.Waited, 100*s.OwnWait),
		fmt.Sprintf("took %.1f s", s.Took.Seconds()),
	})
	printStages(w, s.Stages)
}

// printAll writes what is known of all windows of a contender in one cell in turns: medians with the range behind them; and a line for each stage, of the last window.
func printAll(w io.Writer, list []sample) {
	last := &list[len(list)-1]
	kept := make([]result.Window, len(list))
	var good, left, limited int
	least, most := last.Distance[0], last.Distance[0]
	for i := range list {
		kept[i] = list[i].result()
		if list[i].good() {
			good++
		}
		if !list[i].valid() {
			left++
		}
		if list[i].Limited {
			limited++
		}
		least, most = min(least, list[i].Distance[0], list[i].Distance[1]), max(most, list[i].Distance[0], list[i].Distance[1])
	}
	var said []string
	for _, m := range last.Row.Measures {
		var values []float64
		for i := range kept {
			if v, ok := kept[i].Value(m); ok && kept[i].LeftOut == "" {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			u := report.UnitOf(m.Unit, stat.Median(values))
			said = append(said, fmt.Sprintf("%s %s (%s to %s)", m.Name, u.Text(stat.Median(values)), u.Figure(slices.Min(values)), u.Figure(slices.Max(values))))
		}
	}
	if limited > 0 {
		said = append(said, fmt.Sprintf("in %d of them the generator was the limit", limited))
	}
	if left > 0 {
		said = append(said, fmt.Sprintf("%d left out: looked up otherwise than the row says", left))
	}
	fmt.Fprintf(w, "%s, %s %s\n", last.Cell, last.Contender, last.Version)
	printWords(w, said)
	printWords(w, strings.Split(last.LookUps, ", "))
	printWords(w, []string{fmt.Sprintf("%d windows", len(list)), fmt.Sprintf("%d of them undisturbed", good), fmt.Sprintf("cache line %d to %d ns", least, most)})
	printStages(w, last.Stages)
}

// columns is how wide lines are at most, but for words that are longer.
const columns = 100

// printWords writes words with commas between them, indented, in as many lines as it takes.
func printWords(w io.Writer, words []string) {
	const indent = "    "
	line := ""
	for i, word := range words {
		if i < len(words)-1 {
			word += ","
		}
		if line != "" && len(indent)+len(line)+1+len(word) > columns {
			fmt.Fprintln(w, indent+line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	if line != "" {
		fmt.Fprintln(w, indent+line)
	}
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
