package method

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A simulated switch forwards up to a capacity, and loses a share of everything.
type simulated struct {
	capacity float64 // frames a second
	leak     float64 // share
	noise    float64 // share by which the capacity of a trial may be lower
	trials   int
	r        *rand.Rand
}

func (s *simulated) trial(_ context.Context, rate float64, d time.Duration) (Outcome, error) {
	s.trials++
	offered := rate * d.Seconds()
	through := min(offered, s.capacity*(1-s.noise*s.r.Float64())*d.Seconds()) * (1 - s.leak)
	return Outcome{Offered: uint64(offered), Lost: uint64(offered) - uint64(math.Floor(through))}, nil
}

func newSimulated(capacity, leak, noise float64) *simulated {
	return &simulated{capacity: capacity, leak: leak, noise: noise, r: rand.New(rand.NewPCG(1, 2))}
}

func TestASearchFindsWhatASwitchCanDo(t *testing.T) {
	for _, tt := range []struct {
		name       string
		capacity   float64
		leak       float64
		none, half float64 // rates expected without loss, and with half a per cent
		mostTrials int
	}{
		{"an ordinary switch", 3.3e6, 0, 3.3e6, 3.3e6 / 0.995, 45},
		{"one that does all there is", 1e9, 0, 20e6, 20e6, 4},
		{"one that does next to nothing", 5000, 0, 5000, 5000 / 0.995, 60},
		{"one that never forwards all", 3.3e6, 0.001, 0, 3.3e6 * 0.999 / 0.995, 60},
		{"one that forwards nothing worth the name", 3.3e6, 0.5, 0, 0, 45},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSimulated(tt.capacity, tt.leak, 0)
			found, made, err := Search(t.Context(), Goals{Max: 20e6}, s.trial)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []float64{tt.none, tt.half} {
				got := found[i].Rate()
				if got > want*1.0005 || got < want*0.994 {
					t.Errorf("loss of %v at most: found %.0f, want %.0f", found[i].Loss, got, want)
				}
				if p := found[i].Passed; p != nil && p.Duration != 10*time.Second {
					t.Errorf("what counts was tried for %v", p.Duration)
				}
			}
			if len(made) != s.trials || len(made) > tt.mostTrials {
				t.Errorf("%d trials, %d of them told, want at most %d", s.trials, len(made), tt.mostTrials)
			}
			t.Logf("%d trials", len(made))
		})
	}
}

func TestASearchOfANoisySwitchIsOnTheSafeSide(t *testing.T) {
	for seed := range uint64(50) {
		s := newSimulated(5e6, 0, 0.05)
		s.r = rand.New(rand.NewPCG(seed, seed))
		found, _, err := Search(t.Context(), Goals{Max: 20e6}, s.trial)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := found[0].Rate(), found[1].Rate(); a < 4.5e6 || a > 5e6 || b < a {
			t.Errorf("found %.0f without loss and %.0f with little", a, b)
		}
		for _, f := range found {
			if f.Failed == nil || f.Passed.Rate >= f.Failed.Rate {
				t.Errorf("passed %+v, failed %+v", f.Passed, f.Failed)
			}
		}
	}
}

func TestASearchEnds(t *testing.T) {
	boom := errors.New("boom")
	n := 0
	_, made, err := Search(t.Context(), Goals{Max: 1e6}, func(context.Context, float64, time.Duration) (Outcome, error) {
		if n++; n == 3 {
			return Outcome{}, boom
		}
		return Outcome{Offered: 100, Lost: 1}, nil
	})
	if !errors.Is(err, boom) || len(made) != 2 {
		t.Errorf("got %v after %d trials, want boom after 2", err, len(made))
	}
	s := newSimulated(1e5, 0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, made, err := Search(ctx, Goals{Max: 1e6}, s.trial); !errors.Is(err, context.Canceled) || len(made) != 1 {
		t.Errorf("got %v after %d trials", err, len(made))
	}
	for _, g := range []Goals{
		{}, {Max: -1}, {Max: math.Inf(1)}, {Max: math.NaN()}, {Max: 1, Min: 2}, {Max: 1, Precision: 1}, {Max: 1, Precision: -1},
		{Max: 1, First: 2 * time.Second, Final: time.Second}, {Max: 1, Loss: []float64{0.5, 0.1}}, {Max: 1, Loss: []float64{1}},
		{Max: 1, Final: time.Second, Sum: time.Millisecond}, {Max: 1, Exceed: new(1.0)}, {Max: 1, Exceed: new(-0.1)}, {Max: 1, Exceed: new(math.NaN())},
	} {
		if _, _, err := Search(t.Context(), g, s.trial); err == nil {
			t.Errorf("%+v: no error", g)
		}
	}
}

func TestLossAgainstLoad(t *testing.T) {
	s := newSimulated(5e5, 0, 0)
	made, err := Curve(t.Context(), 4, 1e6, time.Second, s.trial)
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	for _, m := range made {
		losses = append(losses, math.Round(m.Loss()*1000)/1000)
	}
	if want := []float64{0, 0, 0.333, 0.5}; !slices.Equal(losses, want) || made[1].Rate != 5e5 {
		t.Errorf("losses %v, want %v", losses, want)
	}
}

func TestTheLargestNumberThatPasses(t *testing.T) {
	for _, capacity := range []int{0, 1, 63, 1000, 4321, 99_999, 1_000_000} {
		for _, precision := range []float64{0, 0.01} {
			tried := 0
			c, err := Largest(t.Context(), 100_000, precision, func(_ context.Context, n int) (Outcome, error) {
				tried++
				return Outcome{Offered: uint64(n), Lost: uint64(max(0, n-capacity))}, nil
			})
			want := min(capacity, 100_000)
			if err != nil || c.Passed > want || c.Passed < want-int(precision*float64(want))-int(100*precision) || (c.Failed == 0) != (capacity >= 100_000) || c.Limited != 0 || tried > 20 {
				t.Errorf("a switch that takes %d, to %v: found %+v after %d trials, %v", capacity, precision, c, tried, err)
			}
		}
	}
}

func TestTheLargestNumberThatTheGeneratorCanTry(t *testing.T) {
	tried := make(map[int]int)
	c, err := Largest(t.Context(), 1000, 0, func(_ context.Context, n int) (o Outcome, err error) {
		tried[n]++
		o.Offered = uint64(n)
		if n > 600 || n == 500 && tried[n] < limitedTries { // once held up, once at its end
			o.Limits = []string{"held up"}
		}
		return o, nil
	})
	if err != nil || c != (Counted{Passed: 600, Limited: 601}) {
		t.Errorf("got %+v, %v", c, err)
	}
	boom := errors.New("boom")
	if _, err := Largest(t.Context(), 10, 0, func(context.Context, int) (Outcome, error) { return Outcome{}, boom }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	for _, precision := range []float64{-1, 1} {
		if _, err := Largest(t.Context(), 10, precision, nil); err == nil {
			t.Errorf("a precision of %v is taken", precision)
		}
	}
}

// byProbe classes by probes of which 1 is near, 2 far, and two different ones mixed.
func byProbe(probes [][]float64) (classes []string) {
	for _, p := range probes {
		switch {
		case len(p) != 2:
			classes = append(classes, "")
		case p[0] != p[1]:
			classes = append(classes, Mixed)
		default:
			classes = append(classes, []string{"near", "far"}[int(p[0])-1])
		}
	}
	return classes
}

func TestTrialsOfTwoClassesAreKeptApart(t *testing.T) {
	near, far := newSimulated(8e6, 0, 0), newSimulated(3e6, 0, 0)
	n := 0
	found, made, err := Search(t.Context(), Goals{Max: 20e6, Classes: byProbe}, func(ctx context.Context, rate float64, d time.Duration) (o Outcome, err error) {
		n++
		s, probes := far, []float64{2, 2}
		switch { // it is near for a while, changes, and is far for the rest, but for moments
		case n < 7 || n%7 == 3:
			s, probes = near, []float64{1, 1}
		case n%5 == 2:
			s, probes = near, []float64{1, 2}
		}
		o, err = s.trial(ctx, rate, d)
		o.Probes = probes
		return o, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		class := f.Passed.Class
		want := map[string]float64{"near": 8e6, "far": 3e6}[class] / (1 - f.Loss)
		if r := f.Rate(); want == 0 || r > want*1.0005 || r < want*0.994 || f.Failed.Class != class {
			t.Errorf("found %.0f, %s, want %.0f; failed %+v", r, class, want, f.Failed)
		}
	}
	if found[0].Passed.Class != found[1].Passed.Class {
		t.Error("the goals' answers are of two classes")
	}
	t.Logf("%d trials, answer of class %s", len(made), found[0].Passed.Class)
}

func TestAMachineIsProbedBeforeAndAfterATrial(t *testing.T) {
	n := 0.0
	probe := func() float64 { n++; return n }
	made, err := Loads(t.Context(), []float64{0.1, 0.2}, 1e6, time.Second, Probed(newSimulated(1e6, 0, 0).trial, probe))
	if err != nil || !slices.Equal(made[0].Probes, []float64{1, 2}) || !slices.Equal(made[1].Probes, []float64{3, 4}) {
		t.Errorf("%+v, %v", made, err)
	}
	Class(made, func(probes [][]float64) []string { return []string{"a", "b"}[:len(probes)] })
	if made[0].Class != "a" || made[1].Class != "b" {
		t.Errorf("%+v", made)
	}
	boom := errors.New("boom")
	failing := func(context.Context, float64, time.Duration) (Outcome, error) { return Outcome{}, boom }
	if _, err := Probed(failing, probe)(t.Context(), 1, 1); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
}

func TestForHowLongASwitchStoodStill(t *testing.T) {
	if got := Blocked(1500, 1e6); got != 1500*time.Microsecond {
		t.Errorf("1500 frames at a million a second: %v", got)
	}
	offered, received := []uint64{100, 100, 100, 100, 100}, []uint64{20, 100, 97, 99, 120}
	if got := Recovered(offered, received, 0.02, 10*time.Millisecond); got != 30*time.Millisecond {
		t.Errorf("recovered after %v, want 30ms", got)
	}
	if got := Recovered(offered, offered, 0, time.Second); got != 0 {
		t.Errorf("recovered after %v, want at once", got)
	}
}

func TestWhatSeveralWindowsComeTo(t *testing.T) {
	figures := []float64{5, 1, 3, 2, 4}
	if got, want := SpreadOf(figures), (Spread{5, 3, 2, 4, 1, 5}); got != want || figures[0] != 5 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := SpreadOf([]float64{1, 2}), (Spread{2, 1.5, 1.25, 1.75, 1, 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := SpreadOf(nil); got != (Spread{}) {
		t.Errorf("of nothing: %+v", got)
	}
	by := ByClass([]Window{{"near", 10}, {"far", 5}, {"near", 12}, {"mixed", 1}, {"", 2}})
	if len(by) != 2 || by["near"].Median != 11 || by["far"].Count != 1 {
		t.Errorf("by class: %+v", by)
	}
	if got := Turns(2, 4); !slices.Equal(got, []int{0, 1, 1, 0, 0, 1, 1, 0}) {
		t.Errorf("turns %v", got)
	}
	if got := Turns(3, 2); !slices.Equal(got, []int{0, 1, 2, 2, 1, 0}) {
		t.Errorf("turns %v", got)
	}
}

func TestATrialIsMadeAgainUntilTheMachineIsAsItWas(t *testing.T) {
	classes := func(probes [][]float64) []string {
		list := make([]string, len(probes))
		for i, p := range probes {
			switch {
			case p[0] != p[1]:
				list[i] = Mixed
			case p[0] < 200:
				list[i] = "near"
			default:
				list[i] = "far"
			}
		}
		return list
	}
	near, far, moved := []float64{100, 100}, []float64{400, 400}, []float64{100, 400}
	for _, tt := range []struct {
		name   string
		like   []float64
		probes [][]float64 // of one trial after the other
		made   int
		class  string
		says   bool // that it is not to be put beside the other
	}{
		{"at once", near, [][]float64{near}, 1, "near", false},
		{"the third time", near, [][]float64{far, moved, near}, 3, "near", false},
		{"never", near, [][]float64{far, far, far}, 3, "far", true},
		{"beside one during which it changed", moved, [][]float64{moved, moved, moved}, 3, Mixed, true},
		{"of a machine that nobody probed", nil, [][]float64{far}, 1, "", false},
	} {
		n := 0
		trial := Alike(func(context.Context, float64, time.Duration) (Outcome, error) {
			n++
			return Outcome{Offered: 1, Probes: tt.probes[n-1]}, nil
		}, Tried{Outcome: Outcome{Probes: tt.like}}, nil, classes)
		o, err := trial(t.Context(), 1, time.Second)
		if err != nil || n != tt.made || o.Class != tt.class || o.Limited() != tt.says || o.Pace {
			t.Errorf("%s: after %d trials %+v, %v; want %d, of class %q, limited: %v", tt.name, n, o, err, tt.made, tt.class, tt.says)
		}
	}
}
