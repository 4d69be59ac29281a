package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/result"
)

// blocked is a row about restarts: the generator was the limit in one window of the first.
func blocked(limited bool, measures ...result.Measure) *result.Run {
	row := ratesRow("restart", 0)
	row.Measures = append([]result.Measure{{Name: "blocked", Unit: "ns", Better: result.Less}, {Name: "offered", Unit: "packets/s", Better: result.Neither}, {Name: "half within", Unit: "ns", Better: result.Less, Percentile: 50}}, measures...)
	for turn := range 8 {
		w := result.Window{
			Contender: []string{"culvert", "ovs"}[turn%2], Round: 1, Turn: turn, Class: "near", Limited: limited && turn == 2,
			Figures: map[string]float64{"blocked": 1e6 * float64(1+turn%2), "offered": 5e4}, Latency: []result.Percentile{{Percent: 50, Ns: 3000}, {Percent: 99, Ns: 4000}},
		}
		for _, m := range measures {
			w.Figures[m.Name] = 1e6
		}
		row.Windows = append(row.Windows, w)
	}
	return runOf(row)
}

func TestFiguresThatArePerhapsTheGeneratorsAreMarked(t *testing.T) {
	run := blocked(true)
	var text, page bytes.Buffer
	if err := Text(&text, run); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1.00 ms (1.00 to 1.00) ?", "3.00 µs (3.00 to 3.00) ?", "\n?: the generator was the limit in some of the windows"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	if n := strings.Count(text.String(), " ?\n") + strings.Count(text.String(), " ? "); n != 2 {
		t.Errorf("%d figures are marked, want what was blocked and the latency of the one, not what was offered, nor the other's:\n%s", n, text.String())
	}
	if err := HTML(&page, run); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(page.String(), "<td>3.00 µs ?</td>"); n != 1 {
		t.Errorf("the table of the plot of latencies has %d marks, want one", n)
	}
	for _, want := range []string{`class="label">1.00 ?</text>`, "<td>1.00 ?</td>", "culvert: 1.00 ms ?. restart, ovs: 2.00 ms</desc>"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the bars of what was blocked, and their table, have no %q", want)
		}
	}
	if n := strings.Count(page.String(), "1.00 ms ?"); n != 2 {
		t.Errorf("what was blocked has %d marks with its unit, want one where the bars are described and one in the table of all", n)
	}
	if h := headlines(Summaries(run)); len(h) != 1 || h[0].Word != "perhaps the generator's" {
		t.Errorf("got %+v", h)
	}
	text.Reset()
	for name, calm := range map[string]*result.Run{
		"the generator was never the limit":   blocked(false),
		"it is another figure that it bounds": blocked(true, result.Measure{Name: "rate", Unit: "packets/s", Better: result.More, Bounded: true}),
	} {
		if err := Text(&text, calm); err != nil || strings.Contains(text.String(), "?") {
			t.Errorf("%s: %v, got\n%s", name, err, text.String())
		}
	}
}

// Windows that others disturbed count when there are no others, in plots as in tables.
func TestPlotsLeaveOutWhatOthersDisturbed(t *testing.T) {
	window := func(turn int, cycles, lost float64) result.Window {
		w := mpps("culvert", turn, 10, "near")
		w.Stages, w.Load = []result.Stage{{Name: "parse", Cycles: cycles}}, []result.LoadStep{{Offered: 1e6, Received: 1e6 * (1 - lost)}}
		return w
	}
	calm, disturbed := window(0, 10, 0), window(1, 1000, 0.5)
	disturbed.Disturbed = "others used 90 %"
	row := ratesRow("port rule", 0, calm, disturbed)
	var order []string
	if got := stageCosts(&row, "culvert", "near", &order)["parse"]; got != 10 {
		t.Errorf("a stage costs %v, want 10", got)
	}
	if got := lastLoad(&row, "culvert", "near"); len(got) != 1 || got[0].Lost() != 0 {
		t.Errorf("loss against load is %v, want that of the window that was left alone", got)
	}
	row.Windows = row.Windows[1:]
	if got := stageCosts(&row, "culvert", "near", &order)["parse"]; got != 1000 || lastLoad(&row, "culvert", "near")[0].Lost() != 0.5 {
		t.Errorf("disturbed windows alone: a stage costs %v", got)
	}
}

// What has a mark in the tables has it beside its bar, too.
func TestBarsOfWhatOthersDisturbedAreMarked(t *testing.T) {
	disturbed := mpps("ovs", 1, 5, "near")
	disturbed.Disturbed = "others used 90 %"
	f := rateSection(Summaries(runOf(ratesRow("port rule", 0, mpps("culvert", 0, 10, "near"), disturbed)))).Figures[0]
	if svg := string(f.SVG); !strings.Contains(svg, ">5.00 *</text>") || strings.Contains(svg, ">10.0 *<") || f.Cells[1][2].Text != "5.00 *" {
		t.Errorf("want a mark on 5.00 alone: %v, %s", f.Cells, svg)
	}
}

// Two switches have whiskers at one place of a plot: each is in the colour of its line.
func TestWhiskersOfLinesHaveTheirColour(t *testing.T) {
	_, rule, _ := strings.Cut(styleText, "svg .whisker {")
	if rule, _, _ = strings.Cut(rule, "}"); !strings.Contains(rule, "stroke: var(--series,") {
		t.Errorf("the rule for whiskers is %q", rule)
	}
}
