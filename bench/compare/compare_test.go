package compare

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/result"
)

// rates makes a run with a row for each list of rates of culvert, in Mpps.
func rates(version string, lists ...[]float64) *result.Run {
	run := &result.Run{Schema: result.Schema, Program: "vhost"}
	for i, list := range lists {
		row := result.Row{
			Name:       fmt.Sprint("row ", i+1),
			Measures:   []result.Measure{{Name: "rate", Unit: "packets/s", Better: result.More, Bounded: true}},
			Contenders: []result.Contender{{Name: "culvert", Version: version}},
		}
		for k, r := range list {
			row.Windows = append(row.Windows, result.Window{Contender: "culvert", Round: 1, Turn: k, Class: "near", Figures: map[string]float64{"rate": r * 1e6}})
		}
		run.Rows = append(run.Rows, row)
	}
	return run
}

// about returns n rates around a mean that all differ, by 1 % in all.
func about(mean float64, n int) (list []float64) {
	for i := range n {
		list = append(list, mean*(1+0.01*float64(i)/float64(n)))
	}
	return list
}

func compare(t *testing.T, before, after *result.Run) *Report {
	t.Helper()
	for _, r := range []*result.Run{before, after} {
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Runs(before, after, Options{Tolerance: 0.05, Contender: "culvert"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatAComparisonComesTo(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after []float64
		want          Verdict
		share         float64
		err           error
	}{
		{"the same windows", about(20, 8), about(20, 8), Same, 0, nil},
		{"a loss of a tenth", about(20, 8), about(18, 8), Worse, -0.1, ErrLoss},
		{"a loss within the tolerance", about(20, 8), about(19.4, 8), Worse, -0.03, nil},
		{"a gain", about(20, 8), about(24, 8), Better, 0.2, nil},
		{"noise as large as the loss", []float64{10, 30, 12, 28, 11, 29}, []float64{9, 27, 11, 25, 10, 26}, Same, -0.1, nil},
		{"three windows each, far apart", about(20, 3), about(10, 3), TooFew, -0.5, ErrNothing},
		{"four windows each, far apart", about(20, 4), about(10, 4), Worse, -0.5, ErrLoss},
		{"a switch that forwards nothing any more", about(20, 8), make([]float64, 8), Worse, -1, ErrLoss},
	} {
		r := compare(t, rates("v1", c.before), rates("v2", c.after))
		got := r.Changes[0]
		if got.Verdict != c.want || math.Abs(got.Share-c.share) > 0.01 || !errors.Is(r.Err(), c.err) {
			t.Errorf("%s: got %+v, %v", c.name, got, r.Err())
		}
	}
}

func TestAContenderThatIsMissingInOneRunIsNamed(t *testing.T) {
	before, after := rates("v1", about(20, 8), about(20, 8)), rates("v2", about(20, 8), about(20, 8))
	before.Rows[1].Windows = before.Rows[1].Windows[:4]
	after.Rows[1].Windows = nil
	for i := range 4 {
		after.Rows[1].Windows = append(after.Rows[1].Windows, result.Window{Contender: "culvert", Round: 1, Turn: i, Class: "far", Figures: map[string]float64{"rate": 1e7}})
	}
	r := compare(t, before, after)
	if len(r.Changes) != 1 || !slices.Equal(r.OnlyOld, []string{"row 2, CPUs near: culvert"}) || !slices.Equal(r.OnlyNew, []string{"row 2, CPUs far: culvert"}) {
		t.Errorf("%d figures, only in the old run %q, only in the new one %q", len(r.Changes), r.OnlyOld, r.OnlyNew)
	}
	var text bytes.Buffer
	if err := r.Text(&text); err != nil || !strings.Contains(text.String(), "only in the old run: row 2, CPUs near: culvert\n") {
		t.Errorf("%v, it says:\n%s", err, text.String())
	}
}

// Of a latency it is a loss to be larger.
func TestALossOfLatencyIsToTakeLonger(t *testing.T) {
	slower := func(r *result.Run) *result.Run {
		r.Rows[0].Measures[0].Better = result.Less
		return r
	}
	r := compare(t, slower(rates("v1", about(20, 6))), slower(rates("v2", about(24, 6))))
	if c := r.Changes[0]; c.Verdict != Worse || math.Abs(c.Loss()-0.2) > 0.01 || !errors.Is(r.Err(), ErrLoss) {
		t.Errorf("got %+v, %v", c, r.Err())
	}
}

func TestWhatCannotBeComparedIsNot(t *testing.T) {
	each := func(f func(*result.Window)) func(*result.Run) {
		return func(r *result.Run) {
			for i := range r.Rows[0].Windows {
				f(&r.Rows[0].Windows[i])
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*result.Run)
		want   string // remark; none: no change at all
	}{
		{"other rules", func(r *result.Run) { r.Rows[0].Traffic.Rules = []string{"actions=drop"} }, "other traffic or rules"},
		{"larger packets", func(r *result.Run) { r.Rows[0].Traffic.FrameBytes = 1514 }, "other traffic or rules"},
		{"another unit", func(r *result.Run) { r.Rows[0].Measures[0].Unit = "bit/s" }, "measured otherwise"},
		{"a generator at its limit", each(func(w *result.Window) { w.Limited = true }), "the generator was the limit"},
		{"another class", each(func(w *result.Window) { w.Class = "far" }), ""},
		{"a figure that is neither good nor bad", func(r *result.Run) { r.Rows[0].Measures[0].Better = result.Neither }, ""},
		{"windows that do not count", each(func(w *result.Window) { w.LeftOut = "no" }), ""},
	} {
		after := rates("v2", about(10, 8))
		c.change(after)
		r := compare(t, rates("v1", about(20, 8)), after)
		if c.want == "" && len(r.Changes) > 0 || c.want != "" && (r.Changes[0].Verdict != NotKnown || r.Changes[0].Remark != c.want) || !errors.Is(r.Err(), ErrNothing) {
			t.Errorf("%s: got %+v, %v", c.name, r.Changes, r.Err())
		}
	}
}

// What others take is no property of a switch: a loss in windows that they disturbed is no loss, and no gain either.
func TestARunThatOthersDisturbedProvesNothing(t *testing.T) {
	disturb := func(r *result.Run, row int) {
		for i := range r.Rows[row].Windows {
			r.Rows[row].Windows[i].Disturbed = "others used 90 %"
		}
	}
	for _, c := range []struct {
		name     string
		old, new bool
		want     string
	}{
		{"the old one", true, false, "others disturbed all windows of the old run"},
		{"the new one", false, true, "others disturbed all windows of the new run"},
		{"both", true, true, "others disturbed all windows of both runs"},
	} {
		before, after := rates("v1", about(20, 8)), rates("v2", about(10, 8))
		if c.old {
			disturb(before, 0)
		}
		if c.new {
			disturb(after, 0)
		}
		r := compare(t, before, after)
		if ch := r.Changes[0]; ch.Verdict != NotKnown || ch.Remark != c.want || !errors.Is(r.Err(), ErrDisturbed) || errors.Is(r.Err(), ErrNothing) {
			t.Errorf("%s: got %+v, %v", c.name, ch, r.Err())
		}
	}
	// Windows that were left alone count, and rows that were are judged.
	before, after := rates("v1", about(20, 8), about(20, 8)), rates("v2", about(10, 8), about(20, 8))
	disturb(after, 0)
	if r := compare(t, before, after); r.Err() != nil || r.Changes[1].Verdict != Same {
		t.Errorf("one row of two: got %+v, %v", r.Changes, r.Err())
	}
	before, after = rates("v1", about(20, 8)), rates("v2", about(10, 8))
	before.Rows[0].Windows[0].Disturbed, after.Rows[0].Windows[7].Disturbed = "others", "others"
	if r := compare(t, before, after); !errors.Is(r.Err(), ErrLoss) || r.Changes[0].Windows != [2]int{7, 7} {
		t.Errorf("one window of eight: got %+v, %v", r.Changes, r.Err())
	}
}

func TestRunsOfDifferentMachinesAreNotCompared(t *testing.T) {
	before, after := rates("v1", about(20, 8)), rates("v2", about(10, 8))
	after.Machine.CPU = "Y"
	if _, err := Runs(before, after, Options{}); !errors.Is(err, ErrMachines) || !strings.Contains(err.Error(), "CPU: none and Y") {
		t.Errorf("got %v", err)
	}
	r, err := Runs(before, after, Options{AnyMachine: true, Contender: "culvert"})
	if err != nil || r.Changes[0].Verdict != Worse || len(r.Machines) != 1 {
		t.Errorf("when told to: got %+v, %v", r, err)
	}
	after.Program = "afxdp"
	if _, err := Runs(before, after, Options{AnyMachine: true}); err == nil {
		t.Error("two programs were compared")
	}
}

// When the peer, which is the same, moves with it, the machine is the first to be asked.
func TestAPeerThatMovesAlikeIsNamed(t *testing.T) {
	with := func(r *result.Run, mean float64) *result.Run {
		row := &r.Rows[0]
		row.Contenders = append(row.Contenders, result.Contender{Name: "ovs", Version: "3.1"})
		for k, rate := range about(mean, 8) {
			row.Windows = append(row.Windows, result.Window{Contender: "ovs", Round: 1, Turn: k, Class: "near", Figures: map[string]float64{"rate": rate * 1e6}})
		}
		return r
	}
	r := compare(t, with(rates("v1", about(20, 8)), 10), with(rates("v2", about(18, 8)), 9))
	if c := r.Changes[0]; c.Verdict != Worse || !strings.Contains(c.Remark, "so is ovs") {
		t.Errorf("got %+v", c)
	}
	r = compare(t, with(rates("v1", about(20, 8)), 10), with(rates("v2", about(18, 8)), 10))
	if c := r.Changes[0]; c.Verdict != Worse || c.Remark != "" {
		t.Errorf("a peer that stays: got %+v", c)
	}
	// A peer's own losses are not what the comparison is about.
	if r = compare(t, with(rates("v1", about(20, 8)), 10), with(rates("v2", about(20, 8)), 5)); r.Err() != nil || r.Changes[1].Verdict != Worse {
		t.Errorf("got %+v, %v", r.Changes, r.Err())
	}
}

// One figure of twelve with four windows each cannot be told from chance, and it is said how many would do.
func TestOneOfManyWantsMoreWindows(t *testing.T) {
	var before, after [][]float64
	for range 12 {
		before, after = append(before, about(20, 4)), append(after, about(20, 4))
	}
	after[3] = about(18, 4)
	r := compare(t, rates("v1", before...), rates("v2", after...))
	if c := r.Changes[3]; c.Verdict != Same || c.Remark != "not certain as one of 12 figures: 6 windows of each would be" {
		t.Errorf("got %+v", c)
	}
	before[3], after[3] = about(20, 6), about(18, 6)
	if c := compare(t, rates("v1", before...), rates("v2", after...)).Changes[3]; c.Verdict != Worse {
		t.Errorf("with six windows: got %+v", c)
	}
}

// The promise: a program compared with itself is called changed in 5 of 100 comparisons at most, however many rows they have.
func TestNoiseAloneIsSeldomAnAlarm(t *testing.T) {
	const runs = 400
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(rows int) (lists [][]float64) {
		for i := range rows {
			list := make([]float64, 6)
			for k := range list {
				list[k] = float64(10+i) * math.Exp(0.2*r.NormFloat64()*(1+r.Float64())) // a tail to either side
			}
			lists = append(lists, list)
		}
		return lists
	}
	for _, rows := range []int{1, 12} {
		alarms := 0
		for range runs {
			rep := compare(t, rates("v1", draw(rows)...), rates("v1", draw(rows)...))
			if rep.Count(Better)+rep.Count(Worse) > 0 {
				alarms++
			}
		}
		if most := 0.05*runs + 3*math.Sqrt(0.05*0.95*runs); float64(alarms) > most {
			t.Errorf("%d rows: %d of %d comparisons with an alarm, want at most %.0f", rows, alarms, runs, most)
		}
	}
}

// And what has changed is seen: a loss of 10 % where windows of one run are within 3 % of each other.
func TestALossIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range 100 {
		draw := func(mean float64) (list []float64) {
			for range 8 {
				list = append(list, mean*(1+0.015*r.NormFloat64()))
			}
			return list
		}
		if errors.Is(compare(t, rates("v1", draw(20)), rates("v2", draw(18))).Err(), ErrLoss) {
			found++
		}
	}
	if found < 99 {
		t.Errorf("found in %d of 100", found)
	}
}

func TestTheTextSaysWhatChanged(t *testing.T) {
	before, after := rates("v1", about(20, 8), about(10, 3), about(5, 8)), rates("v2", about(18, 8), about(10, 3))
	after.Rows = append(after.Rows, result.Row{Name: "row 9", Measures: after.Rows[0].Measures, Contenders: after.Rows[0].Contenders})
	var b bytes.Buffer
	if err := compare(t, before, after).Text(&b); err != nil {
		t.Fatal(err)
	}
	want := `row 1, CPUs near
    culvert   rate   20.1 → 18.1 Mpps   −10.0 % (−10.3 % to −9.7 %)   8 and 8 windows   WORSE
row 2, CPUs near
    culvert   rate   10.0 → 10.0 Mpps   0.0 %   3 and 3 windows   too few windows: want 4 of each
only in the old run: row 3
only in the new run: row 9

Old → new: medians. Behind them the change, which is the median of all ratios of a new window to an old one, and where it lies with 95 % certainty.

culvert: 0 better, 1 worse, 0 without a change beyond the noise, 1 with too few windows, 0 not comparable
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestRunsThatWereMeasuredOtherwiseSaySo(t *testing.T) {
	for _, c := range []struct {
		change func(*result.Setup)
		want   string
	}{
		{func(*result.Setup) {}, ""},
		{func(s *result.Setup) { s.Nice = -10 }, "measured otherwise: nice value of the switches: 0 in the old run, -10 in the new one\n"},
		{func(s *result.Setup) { s.Windows = "9 s each" }, "measured otherwise: windows: not said in the old run, 9 s each in the new one\n"},
		{func(s *result.Setup) { s.Generator = "another" }, "measured otherwise: generator: not said in the old run, another in the new one\n"},
	} {
		before, after := rates("v1", about(20, 8)), rates("v1", about(20, 8))
		c.change(&after.Setup)
		var text bytes.Buffer
		if err := compare(t, before, after).Text(&text); err != nil {
			t.Fatal(err)
		}
		if said, _, _ := strings.Cut(text.String(), "row 1"); said != c.want {
			t.Errorf("got %q, want %q", said, c.want)
		}
	}
}

// A search that found nothing in one of the runs leaves out one figure of several.
func TestAFigureThatOneRunHasNotIsNamed(t *testing.T) {
	with := func(version string, latency bool) *result.Run {
		r := rates(version, about(20, 8))
		row := &r.Rows[0]
		row.Measures = append(row.Measures, result.Measure{Name: "half within", Unit: "ns", Better: result.Less, Percentile: 50}, result.Measure{Name: "offered", Unit: "packets/s", Better: result.Neither})
		for i := range row.Windows {
			if row.Windows[i].Figures["offered"] = 1e6; latency {
				row.Windows[i].Latency = []result.Percentile{{Percent: 50, Ns: 1000}}
			}
		}
		return r
	}
	r := compare(t, with("v1", true), with("v2", false))
	if want := []string{"row 1, CPUs near: culvert, half within"}; !slices.Equal(r.OnlyOld, want) || r.OnlyNew != nil {
		t.Errorf("got %q and %q, want %q in the old one alone", r.OnlyOld, r.OnlyNew, want)
	}
	if r = compare(t, with("v1", true), with("v2", true)); r.OnlyOld != nil || r.OnlyNew != nil {
		t.Errorf("the same figures: got %q and %q", r.OnlyOld, r.OnlyNew)
	}
}

// Packets lost are none in a lucky window: that does not make a tenth more of them a loss of all.
func TestALuckyWindowDoesNotMakeALossOfAll(t *testing.T) {
	lost := func(version string, list ...float64) *result.Run {
		r := rates(version, list)
		r.Rows[0].Measures[0].Better, r.Rows[0].Measures[0].Bounded = result.Less, false
		return r
	}
	r := compare(t, lost("v1", 0, 10, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6), lost("v2", 11, 11.1, 11.2, 11.3, 11.4, 11.5, 11.6, 11.7))
	if c := r.Changes[0]; c.Verdict != Worse || c.Share < 0.09 || c.Share > 0.12 {
		t.Errorf("got %+v, want a loss of a tenth", c)
	}
	r = compare(t, lost("v1", 0, 0, 0, 0, 0, 0), lost("v2", 1, 2, 3, 4, 5, 6))
	if c := r.Changes[0]; c.Verdict != Worse || c.Share != 1 {
		t.Errorf("got %+v, want a loss where there was none", c)
	}
}

func TestFiguresThatArePerhapsTheGeneratorsAreComparedWithARemark(t *testing.T) {
	before, after := rates("v1", about(10, 8)), rates("v2", about(20, 8))
	for _, r := range []*result.Run{before, after} {
		r.Rows[0].Measures[0].Better, r.Rows[0].Measures[0].Bounded = result.Less, false
	}
	after.Rows[0].Windows[3].Limited = true
	if c := compare(t, before, after).Changes[0]; c.Verdict != Worse || !strings.Contains(c.Remark, "perhaps its own") {
		t.Errorf("got %+v, want worse with a remark", c)
	}
}
