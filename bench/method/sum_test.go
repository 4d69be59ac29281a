package method

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// Trials at one rate: + one of full length that lost nothing, - one that lost something, p and m the same of a tenth of the length, l and x full ones in which
// the generator was the limit and nothing was lost, or the generator may have lost it.
func triedAt(rate float64, trials string) (made []Tried) {
	for _, c := range trials {
		t := Tried{Rate: rate, Duration: time.Second, Outcome: Outcome{Offered: 1000}}
		if strings.ContainsRune("pm", c) {
			t.Duration /= 10
		}
		if strings.ContainsRune("lx", c) {
			t.Limits = []string{"limit"}
		}
		if strings.ContainsRune("-mx", c) {
			t.Lost = 100
		}
		made = append(made, t)
	}
	return made
}

// The classes are those of draft-ietf-bmwg-mlrsearch, each case counted by hand.
func TestARateIsDecidedByAllOfItsTrials(t *testing.T) {
	for _, c := range []struct {
		name   string
		trials string
		sum    time.Duration
		exceed float64
		want   int
	}{
		{"one trial is all there is to be", "+", time.Second, 0.5, passed},
		{"one trial that lost some", "-", time.Second, 0.5, failed},
		{"one of three", "+", 3 * time.Second, 0.5, undecided},
		{"two of three, of which half may lose some", "++", 3 * time.Second, 0.5, passed},
		{"two of three that lost some", "--", 3 * time.Second, 0.5, failed},
		{"one each of three", "+-", 3 * time.Second, 0.5, undecided},
		{"one each of three, and the third", "+-+", 3 * time.Second, 0.5, passed},
		{"two of three, of which none may", "++", 3 * time.Second, 0, undecided},
		{"all three, of which none may", "+++", 3 * time.Second, 0, passed},
		{"one that lost some, of which none may", "-", 3 * time.Second, 0, failed},
		{"half of four is not more than half", "+-+-", 4 * time.Second, 0.5, passed},
		{"three quarters are to pass", "+++-", 4 * time.Second, 0.25, passed},
		{"and do not", "++--", 4 * time.Second, 0.25, failed},
		{"short ones alone", "pppp", time.Second, 0.5, undecided},
		{"a short one that lost some", "m+", time.Second, 0.5, passed},
		{"a short one that lost some, of which none may", "m", time.Second, 0, failed},
		{"many short ones that lost some", "mmmmmm", time.Second, 0.5, failed},
		{"as many that did not make up for them", "mmmmmmpppppp", time.Second, 0.5, undecided},
		{"short ones make up for no long one", "pppppppppp-", time.Second, 0.5, failed},
		{"a limited generator counts when it has been tried three times", "ll", time.Second, 0.5, undecided},
		{"three times is as one", "lll", time.Second, 0.5, passed},
		{"of two", "lll", 2 * time.Second, 0, undecided},
		{"six times is as two", "llllll", 2 * time.Second, 0, passed},
		{"what may be the generator's loss says nothing", "xxx", time.Second, 0.5, nothing},
		{"until it is not the limit", "xxx+", time.Second, 0.5, passed},
	} {
		g, err := Goals{Max: 200, Loss: []float64{0}, Final: time.Second, Sum: c.sum, Exceed: &c.exceed}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		s := search{Goals: g, made: triedAt(100, c.trials)}
		got := undecided
		if list := s.verdicts(0, g.Final); len(list) == 1 {
			got = list[0].says
			if list[0].Tried == nil {
				t.Errorf("%s: no trial stands for it", c.name)
			}
		}
		if got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

// A switch that is disturbed now and then loses a little at any rate, in one of four trials.
func TestASumOfTrialsSeesThroughWhatDisturbsSome(t *testing.T) {
	blips := func(seed uint64) Trial {
		s, r := newSimulated(3e6, 0, 0), rand.New(rand.NewPCG(seed, 7))
		return func(ctx context.Context, rate float64, d time.Duration) (Outcome, error) {
			o, err := s.trial(ctx, rate, d)
			if r.Float64() < 0.25 {
				o.Lost += 5
			}
			return o, err
		}
	}
	near := func(g Goals) (n int) {
		for seed := range uint64(40) {
			found, _, err := Search(t.Context(), g, blips(seed))
			if err != nil {
				t.Fatal(err)
			}
			f := found[0]
			if f.Passed != nil && f.Rate() > 3e6 {
				t.Errorf("found %.0f, more than it does", f.Rate())
			}
			if f.Rate() > 0.98*3e6 {
				n++
			}
			if f.Passed != nil && (f.Trials == 0 || float64(f.Exceeded) > 0.5*float64(f.Trials)) {
				t.Errorf("%d trials, %d of which lost more", f.Trials, f.Exceeded)
			}
		}
		return n
	}
	goals := Goals{Max: 20e6, Loss: []float64{0}, Final: time.Second}
	one := near(goals)
	goals.Sum = 21 * time.Second
	many := near(goals)
	goals.Exceed = new(0.0)
	strict := near(goals)
	t.Logf("of 40 searches within 2 %%: %d by one trial, %d by 21, %d by 21 of which none may lose any", one, many, strict)
	if many < 38 || many <= one || strict >= one {
		t.Errorf("of 40 searches within 2 %%: %d by one trial, %d by 21, %d by 21 of which none may lose any", one, many, strict)
	}
}

// With half of the trials as the border a sum finds the median of what a switch does, and one trial finds what luck has it.
func TestASumOfTrialsScattersLess(t *testing.T) {
	spread := func(g Goals) float64 {
		var rates []float64
		for seed := range uint64(40) {
			s := newSimulated(5e6, 0, 0.1)
			s.r = rand.New(rand.NewPCG(seed, seed))
			found, _, err := Search(t.Context(), g, s.trial)
			if err != nil {
				t.Fatal(err)
			}
			rates = append(rates, found[0].Rate())
		}
		s := SpreadOf(rates)
		if math.Abs(s.Median/4.75e6-1) > 0.04 {
			t.Errorf("the median of what was found is %.0f, want about 4750000", s.Median)
		}
		return s.High - s.Low
	}
	goals := Goals{Max: 20e6, Loss: []float64{0}, Final: time.Second}
	one := spread(goals)
	goals.Sum = 21 * time.Second
	if many := spread(goals); many > one/1.5 {
		t.Errorf("the middle half of the answers is within %.0f by 21 trials and %.0f by one", many, one)
	}
}
