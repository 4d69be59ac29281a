package method

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// A flapping machine is near and far in turn, for so many trials each; a switch does twice as much while it is near.
func flapping(trials int) (Trial, *int) {
	n := new(int)
	return func(_ context.Context, rate float64, d time.Duration) (Outcome, error) {
		capacity, probe := 4e6, 100.0
		if *n/trials%2 == 1 {
			capacity, probe = 2e6, 400
		}
		*n++
		offered := rate * d.Seconds()
		return Outcome{Offered: uint64(offered), Lost: uint64(max(0, offered-capacity*d.Seconds())), Probes: []float64{probe, probe}}, nil
	}, n
}

func nearOrFar(probes [][]float64) (classes []string) {
	for _, p := range probes {
		switch {
		case len(p) != 2:
			classes = append(classes, "")
		case p[0] != p[1]:
			classes = append(classes, Mixed)
		case p[0] < 200:
			classes = append(classes, "near")
		default:
			classes = append(classes, "far")
		}
	}
	return classes
}

// There are trials enough to find a rate, and not in both classes.
func TestASearchWithoutTrialsLeftSaysWhatIsKnownOfEachClass(t *testing.T) {
	trial, n := flapping(1)
	found, made, err := Search(t.Context(), Goals{Max: 20e6, Trials: 12, Classes: nearOrFar}, trial)
	if err != nil || len(made) != 12 || *n != 12 || len(found) != 2 {
		t.Fatalf("got %d answers after %d trials, of which %d are told, and %v", len(found), *n, len(made), err)
	}
	for _, f := range found {
		if !f.Open || !f.AtLeast() || len(f.Others) != 1 {
			t.Fatalf("got %+v, want it open, beside another class", f)
		}
		for _, of := range append(f.Others, f) {
			if of.Passed != nil && of.Failed != nil && (of.Passed.Class != of.Failed.Class || of.Passed.Rate >= of.Failed.Rate) {
				t.Errorf("passed %+v, failed %+v: want one class, and the one below the other", of.Passed, of.Failed)
			}
		}
	}
}

func TestAMachineThatChangesItsClassHasASearchEnd(t *testing.T) {
	for _, each := range []int{1, 2, 3, 7} {
		trial, n := flapping(each)
		found, _, err := Search(t.Context(), Goals{Max: 20e6, Classes: nearOrFar}, trial)
		if err != nil {
			t.Fatalf("each class for %d trials: %v", each, err)
		}
		f := found[0]
		if f.Passed == nil {
			t.Fatalf("each class for %d trials: nothing passed after %d", each, *n)
		}
		most := map[string]float64{"near": 4e6, "far": 2e6}[f.Passed.Class]
		if f.Rate() > most*1.0001 || !f.Open && f.Rate() < most*0.99 {
			t.Errorf("each class for %d trials: %.0f while %s, open %v, want %.0f", each, f.Rate(), f.Passed.Class, f.Open, most)
		}
	}
}

// Trials of a machine that changes its class all the time would take longer than there is for a row of a run.
func TestASearchThatIsOutOfTimeSaysWhatIsKnownBeforeItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		flaps, _ := flapping(1)
		trial := func(ctx context.Context, rate float64, d time.Duration) (Outcome, error) {
			time.Sleep(d)
			return flaps(ctx, rate, d)
		}
		begun := time.Now()
		found, made, err := Search(ctx, Goals{Max: 20e6, First: time.Second, Final: time.Second, Trials: 1000, Classes: nearOrFar}, trial)
		if took := time.Since(begun); err != nil || ctx.Err() != nil || took < 20*time.Second || took > 21*time.Second {
			t.Fatalf("%d trials took %v, and %v", len(made), took, err)
		}
		if f := found[0]; !f.Open || f.Passed == nil {
			t.Errorf("got %+v, want it open, and what has passed", f)
		}
	})
}

func TestASearchOfMixedTrialsAloneKnowsNothing(t *testing.T) {
	mixed := func(probes [][]float64) []string {
		list := make([]string, len(probes))
		for i := range list {
			list[i] = Mixed
		}
		return list
	}
	trial, _ := flapping(1)
	found, made, err := Search(t.Context(), Goals{Max: 20e6, Trials: 20, Classes: mixed}, trial)
	if err != nil || len(found) != 2 || len(made) != 20 {
		t.Fatalf("got %v, %v", found, err)
	}
	for _, f := range found {
		if !f.Open || !f.Unknown() || f.Rate() != 0 || !f.AtLeast() {
			t.Errorf("got %+v, want nothing known", f)
		}
	}
}

// A goal that was reached is no less known for another that was not.
func TestAGoalThatWasReachedIsNotOpen(t *testing.T) {
	s := newSimulated(20e6, 0.001, 0) // never without loss: that takes many trials to say
	found, _, err := Search(t.Context(), Goals{Max: 20e6, First: time.Second, Final: time.Second, Trials: 3}, s.trial)
	if err != nil || !found[0].Open || found[1].Open || found[1].Rate() != 20e6 {
		t.Errorf("got %+v, %v, want the first open, and all there is for the second", found, err)
	}
	if !found[0].Unknown() {
		t.Errorf("nothing passed until then: got %+v, want it unknown", found[0])
	}
}

// The examples of draft-ietf-bmwg-mlrsearch, counted by hand: full trials at one rate lose these shares.
func TestConditionalThroughputTakesOffWhatTheWorstOfTheTrialsLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		losses []float64
		loss   float64 // goal
		sum    time.Duration
		exceed float64
		want   float64 // of a rate of a million
	}{
		{"one trial without loss", []float64{0}, 0.005, time.Second, 0.5, 1e6},
		{"one trial with some", []float64{0.004}, 0.005, time.Second, 0.5, 996e3},
		{"half may lose more: the better of two", []float64{0.001, 0}, 0, 2 * time.Second, 0.5, 1e6},
		{"a fifth may: the worse of two", []float64{0.001, 0}, 0.005, time.Second, 0.2, 999e3},
		{"none may: the worst", []float64{0.001, 0.004, 0.002}, 0.005, 3 * time.Second, 0, 996e3},
		{"half may: the second of three", []float64{0.001, 0.5, 0.002}, 0.005, 3 * time.Second, 0.5, 998e3},
		{"two of three were enough", []float64{0.001, 0.003}, 0.005, 3 * time.Second, 0.5, 997e3},
		{"an even share of many", []float64{0.9, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 10 * time.Second, 0.1, 1e6},
	} {
		g, err := Goals{Max: 2e6, Loss: []float64{c.loss}, Final: time.Second, Sum: c.sum, Exceed: &c.exceed}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		s := search{Goals: g}
		for _, loss := range c.losses {
			s.made = append(s.made, Tried{1e6, time.Second, Outcome{Offered: 1e6, Lost: uint64(loss * 1e6)}})
		}
		if f := s.known(c.loss, g.Final); math.Abs(f.Conditional-c.want) > 0.5 {
			t.Errorf("%s: got %.0f, want %.0f", c.name, f.Conditional, c.want)
		}
	}
}

func TestConditionalThroughputIsWithinTheGoal(t *testing.T) {
	for _, exceed := range []float64{0, 0.1, 0.3, 0.5, 0.75, 0.9} {
		s := newSimulated(5e6, 0, 0.05)
		found, _, err := Search(t.Context(), Goals{Max: 20e6, Sum: 70 * time.Second, Exceed: &exceed}, s.trial)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Passed == nil || f.Conditional > f.Rate() || f.Conditional < f.Rate()*(1-f.Loss)*(1-1e-9) {
				t.Errorf("exceed ratio %v, loss of %v at most: conditional throughput %.0f of %.0f", exceed, f.Loss, f.Conditional, f.Rate())
			}
		}
	}
}
