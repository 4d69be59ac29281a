// Package compare says what changed from one run of the bench to another beyond what windows of one run differ by.
//
// It compares figure by figure: the same row, contender, measure and class of windows. Whether a difference is more than noise is decided by a
// rank test (stat.RankSum), which assumes nothing about how windows scatter, and by all figures together
// (stat.Discoveries): if nothing has changed, the chance that any figure is called changed is Level at most, however many there are.
// What a test cannot know is whether the machine was another that day: contenders whose version is the same in both
// runs are compared too, and stand beside the others for that.
//
// Thread-safety: any number of goroutines; there is no state.
package compare

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/stat"
)

// Level is the chance of a false alarm in a whole comparison.
const Level = 0.05

// ErrMachines means that the runs are of two machines.
var ErrMachines = errors.New("the runs are of different machines")

// Options of a comparison.
type Options struct {
	Tolerance  float64 // the share that may be lost, 0.05 for 5 %
	Contender  string  // whose losses count
	AnyMachine bool    // compare even runs of different machines
}

// A Report is what a comparison found.
type Report struct {
	Tolerance float64  `json:"tolerance"`
	Contender string   `json:"contender"`
	Machines  []string `json:"machines_differ_in,omitempty"`
	Setup     []string `json:"setup_differs_in,omitempty"`    // what figures may depend on besides the switches
	Changes   []Change `json:"figures"`                       // in the order of the new run; those that stand in both
	OnlyOld   []string `json:"only_in_the_old_run,omitempty"` // rows, and contenders of rows in one class
	OnlyNew   []string `json:"only_in_the_new_run,omitempty"`
}

// A Change is one figure in both runs.
type Change struct {
	Row        string        `json:"row"`
	Class      string        `json:"class,omitempty"`
	Measure    string        `json:"measure"`
	Unit       string        `json:"unit"`
	BetterIs   result.Better `json:"better_is"`
	Contender  string        `json:"contender"`
	Versions   [2]string     `json:"versions"` // old and new
	Windows    [2]int        `json:"windows"`
	Medians    [2]float64    `json:"medians"`
	Share      float64       `json:"change"`     // of the old figures, by which the new ones are larger; below 0 smaller
	Low        float64       `json:"change_low"` // between these it lies with a probability of Confidence
	High       float64       `json:"change_high"`
	Confidence float64       `json:"confidence"`
	P          float64       `json:"p"` // of a difference as large if nothing has changed
	Verdict    Verdict       `json:"verdict"`
	Remark     string        `json:"remark,omitempty"`
	Disturbed  bool          `json:"disturbed,omitempty"` // not comparable for no other reason than that others disturbed all windows of a run
}

// A Verdict is what a comparison of one figure comes to.
type Verdict string

const (
	Better   Verdict = "better"
	Worse    Verdict = "worse"
	Same     Verdict = "no change beyond the noise"
	TooFew   Verdict = "too few windows"
	NotKnown Verdict = "not comparable"
)

// Runs compares two runs. Their windows are classed together.
func Runs(before, after *result.Run, o Options) (*Report, error) {
	if before.Program != after.Program {
		return nil, fmt.Errorf("runs of two programs, %s and %s", before.Program, after.Program)
	}
	r := &Report{Tolerance: o.Tolerance, Contender: o.Contender, Machines: before.Machine.Differences(after.Machine), Setup: setups(&before.Setup, &after.Setup)}
	if len(r.Machines) > 0 && !o.AnyMachine {
		return nil, fmt.Errorf("%w: %s", ErrMachines, strings.Join(r.Machines, "; "))
	}
	result.Classify(before, after)
	for i := range after.Rows {
		row := &after.Rows[i]
		at := before.Index(row.Name)
		if at < 0 {
			r.OnlyNew = append(r.OnlyNew, row.Name)
			continue
		}
		r.Changes = append(r.Changes, rows(&before.Rows[at], row)...)
		r.OnlyOld = append(r.OnlyOld, absent(&before.Rows[at], row)...)
		r.OnlyNew = append(r.OnlyNew, absent(row, &before.Rows[at])...)
	}
	for i := range before.Rows {
		if name := before.Rows[i].Name; after.Index(name) < 0 {
			r.OnlyOld = append(r.OnlyOld, name)
		}
	}
	judge(r.Changes)
	return r, nil
}

// setups says in which of the things that figures may depend on two runs were not the same.
func setups(before, after *result.Setup) (list []string) {
	for _, d := range []struct{ what, old, new string }{
		{"nice value of the switches", fmt.Sprint(before.Nice), fmt.Sprint(after.Nice)},
		{"windows", before.Windows, after.Windows},
		{"generator", before.Generator, after.Generator},
	} {
		if d.old != d.new {
			list = append(list, fmt.Sprintf("%s: %s in the old run, %s in the new one", d.what, cmp.Or(d.old, "not said"), cmp.Or(d.new, "not said")))
		}
	}
	return list
}

// rows compares all figures of one row, before they are judged together.
func rows(before, after *result.Row) (list []Change) {
	for _, class := range after.Classes() {
		for _, m := range after.Measures {
			for _, c := range after.Contenders {
				old, ok := before.Contender(c.Name)
				if !ok || m.Better == result.Neither {
					continue
				}
				a, b := before.Starts(c.Name, class, m), after.Starts(c.Name, class, m)
				if len(a.Values) == 0 || len(b.Values) == 0 {
					continue
				}
				ch := figures(a, b)
				ch.Row, ch.Class, ch.Contender, ch.Measure, ch.Unit, ch.BetterIs = after.Name, class, c.Name, m.Name, m.Unit, m.Better
				ch.Versions = [2]string{old.Version, c.Version}
				ch.exclude(before, after, m, a, b)
				list = append(list, ch)
			}
		}
	}
	return list
}

// absent says of which contenders a row of one run has figures, and that of the other none at all, or none of the class, or which of them it has not: a
// switch that has failed, or a rate that was not found, must not be passed over in silence.
func absent(in, from *result.Row) (list []string) {
	for _, c := range in.Contenders {
		for _, class := range in.Classes() {
			have := measured(in, c.Name, class)
			if class == result.Mixed || len(have) == 0 {
				continue
			}
			who, there := head(in.Name, class)+": "+c.Name, measured(from, c.Name, class)
			if len(there) == 0 {
				list = append(list, who)
				continue
			}
			for _, m := range have {
				if !slices.Contains(there, m) {
					list = append(list, who+", "+m)
				}
			}
		}
	}
	return list
}

// measured returns of which measures, that can be better or worse, a row has figures.
func measured(r *result.Row, contender, class string) (names []string) {
	for _, m := range r.Measures {
		if m.Better != result.Neither && len(r.Figures(contender, class, m).Values) > 0 {
			names = append(names, m.Name)
		}
	}
	return names
}

// head names a row with the class of its windows.
func head(row, class string) string {
	if class == "" {
		return row
	}
	return row + ", CPUs " + class
}

// exclude says why figures cannot be compared, if they cannot, and what is to be thought of when they are.
func (c *Change) exclude(before, after *result.Row, m result.Measure, a, b result.Figures) {
	old, known := before.Measure(m.Name)
	switch {
	case !known || old != m:
		c.Verdict, c.Remark = NotKnown, "measured otherwise"
	case !sameTraffic(before, after):
		c.Verdict, c.Remark = NotKnown, "other traffic or rules"
	case c.Class == result.Mixed:
		c.Verdict, c.Remark = NotKnown, "the machine changed while they were measured"
	case a.Limited > 0 || b.Limited > 0:
		c.Verdict, c.Remark = NotKnown, "the generator was the limit"
	case a.Disturbed || b.Disturbed: // what others take is no property of a switch, and they seldom take the same twice
		c.Verdict, c.Disturbed = NotKnown, true
		switch {
		case !b.Disturbed:
			c.Remark = "others disturbed all windows of the old run"
		case !a.Disturbed:
			c.Remark = "others disturbed all windows of the new run"
		default:
			c.Remark = "others disturbed all windows of both runs"
		}
	case a.Doubtful > 0 || b.Doubtful > 0: // judged all the same, as it always was
		c.Remark = "the generator was the limit of some windows: these figures are perhaps its own"
	}
}

// figures compares two lists of figures.
func figures(a, b result.Figures) Change {
	c := Change{
		Windows: [2]int{len(a.Values), len(b.Values)}, Medians: [2]float64{stat.Median(a.Values), stat.Median(b.Values)},
		P: stat.RankSum(a.Values, b.Values), Verdict: Same,
	}
	if slices.Min(a.Values) > 0 && slices.Min(b.Values) > 0 {
		ratio, where := stat.Ratio(a.Values, b.Values, 1-Level)
		c.Share, c.Low, c.High, c.Confidence = ratio-1, where.Low-1, where.High-1, where.Confidence
		return c
	}
	switch old, now := c.Medians[0], c.Medians[1]; { // nothing is a share of 0: it is that of the medians, or all
	case old == now:
		return c
	case old > 0:
		c.Share = now/old - 1
	default:
		c.Share = 1
	}
	c.Low, c.High, c.Remark = c.Share, c.Share, "there are figures of 0, of which nothing is a share"
	return c
}

// sameTraffic reports whether two rows of one name mean the same.
func sameTraffic(a, b *result.Row) bool {
	x, y := a.Traffic, b.Traffic
	same := slices.Equal(x.Rules, y.Rules)
	x.Rules, y.Rules = nil, nil
	return same && reflect.DeepEqual(x, y)
}
