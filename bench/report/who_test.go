package report

import (
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/result"
)

// three is a row of three switches: the first does twice as much as the second, and half as much as the third.
func three() *result.Run {
	row := ratesRow("NORMAL on veth", 0)
	row.Contenders = append(row.Contenders, result.Contender{Name: "linux-bridge", Version: "6.1"})
	for turn := range 12 {
		row.Windows = append(row.Windows, mpps(row.Contenders[turn%3].Name, turn, []float64{10, 5, 20}[turn%3], "near"))
	}
	return runOf(row)
}

// Rows are about different switches: a ratio alone does not say whose it is.
func TestARatioSaysWhichSwitchesItIsOf(t *testing.T) {
	run := three()
	var cards, notes []string
	for _, e := range parse(t, render(t, run)) {
		switch {
		case e.name == "li" && (e.attr["class"] == "better" || e.attr["class"] == "worse"):
			cards = append(cards, strings.Join(strings.Fields(e.text), " "))
		case e.name == "strong" && strings.ContainsAny(e.text, "abcdefghijklmnopqrstuvwxyz"):
			t.Errorf("a name is in what does not wrap, and leaves its card: %q", e.text)
		case e.name == "text" && e.attr["class"] == "strong":
			notes = append(notes, e.text)
		}
	}
	if got, want := strings.Join(cards, "; "), "culvert, rate 2.00 × ovs better NORMAL on veth; culvert, rate 0.50 × linux-bridge worse NORMAL on veth"; got != want {
		t.Errorf("the cards say %q, want %q", got, want)
	}
	if got, want := strings.Join(notes, "; "), "2.00 × ovs; 0.50 × linux-bridge"; got != want {
		t.Errorf("beside the bars is %q, want %q", got, want)
	}
}

func TestACardSaysWhereItsRatioLies(t *testing.T) {
	h := headlines(Summaries(turns([]float64{20, 24}, []float64{10, 12})))
	if len(h) != 1 || h[0].Range != "(2.00 to 2.00)" {
		t.Errorf("got %+v", h)
	}
}

// The rows' own facts are folded away, and not on paper: versions have to be where a reader begins.
func TestAPageBeginsWithTheSwitchesAndTheirVersions(t *testing.T) {
	run := three()
	run.Rows = append(run.Rows, ratesRow("port rule", 0))
	run.Rows[1].Contenders[1].Version = "3.2"
	all := parse(t, render(t, run))
	if head := named(all, "header")[0].text; !strings.Contains(head, "culvert v1 · ovs 3.1; 3.2 · linux-bridge 6.1") {
		t.Errorf("the page begins with %q", head)
	}
	var facts []string
	for _, f := range platformFacts(run) {
		facts = append(facts, f.Name+" "+f.Text)
	}
	if got := strings.Join(facts, ", "); !strings.Contains(got, "culvert v1, ovs 3.1; 3.2, linux-bridge 6.1") {
		t.Errorf("versions are %q", got)
	}
}

func TestAPercentileSaysOfWhatItIs(t *testing.T) {
	run := blocked(false)
	run.Rows[0].Measures = run.Rows[0].Measures[2:]
	s := Summaries(run)
	if got, want := rateSection(s).Figures[0].Title, "Latency, half within, µs: less is better"; got != want {
		t.Errorf("the plot is about %q, want %q", got, want)
	}
	if h := headlines(s); len(h) != 1 || h[0].Measure != "latency, half within" {
		t.Errorf("got %+v", h)
	}
}

func TestAPageSaysADayOnce(t *testing.T) {
	run := runOf() // it began at 01:46
	for took, want := range map[time.Duration]string{
		time.Second: "9 September 2001, 01:46 UTC", time.Hour: "9 September 2001, 01:46 UTC to 02:46 UTC",
		24 * time.Hour: "9 September 2001, 01:46 UTC to 10 September 2001, 01:46 UTC",
	} {
		run.Changed = run.Started.Add(took)
		if got := when(run); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Most switches do not say what their stages cost: whose they are is not to be guessed when one alone does.
func TestStagesSayWhoseTheyAre(t *testing.T) {
	run := three()
	run.Rows[0].Windows[0].Stages = []result.Stage{{Name: "parse", Cycles: 10}}
	if svg := string(stageSection(run).Figures[0].SVG); !strings.Contains(svg, ">NORMAL on veth: culvert</text>") {
		t.Errorf("got %s", svg)
	}
}
