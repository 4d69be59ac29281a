package method

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Goals of a search. The zero value of each field but Max picks the default named beside it.
type Goals struct {
	Loss      []float64     // shares that may be lost, ascending; default 0 and 0.005
	Min, Max  float64       // rates to search between, in frames a second; Min defaults to Max/10000
	Precision float64       // by which share a rate that passes is below one that does not, at most; default 0.005
	First     time.Duration // how long trials are at first; default a tenth of Final
	Final     time.Duration // how long the trials last that count; default 10 s
	Trials    int           // at most; default 200
}

// A Found is the answer to one goal.
type Found struct {
	Loss   float64 `json:"loss"`             // the goal
	Passed *Tried  `json:"passed"`           // the highest rate that passed below all that failed; nil if none did
	Failed *Tried  `json:"failed,omitempty"` // the lowest rate that failed; nil if none did: the switch may do more
}

// Rate returns the highest rate that passed, 0 if none did.
func (f Found) Rate() float64 {
	if f.Passed == nil {
		return 0
	}
	return f.Passed.Rate
}

// search is one at work.
type search struct {
	Goals
	trial Trial
	made  []Tried
}

// Search finds, for each goal, the highest rate at which a switch loses no more. A trial counts for all goals. Short
// trials come first and say only where the long ones begin. made are all trials in the order they were made; it is
// what has been made so far when there is an error.
func Search(ctx context.Context, g Goals, trial Trial) (found []Found, made []Tried, err error) {
	g, err = g.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	s := &search{Goals: g, trial: trial}
	guess := make([]float64, len(g.Loss))
	for i := range guess {
		guess[i] = g.Max
	}
	for _, d := range g.durations() {
		for i, loss := range g.Loss {
			f, err := s.find(ctx, loss, guess[i], d)
			if err != nil {
				return nil, s.made, err
			}
			if guess[i] = f.Rate(); guess[i] == 0 {
				guess[i] = g.Min
			}
		}
	}
	for _, loss := range g.Loss {
		found = append(found, s.known(loss, g.Final))
	}
	return found, s.made, nil
}

func (g Goals) withDefaults() (Goals, error) {
	if g.Loss == nil {
		g.Loss = []float64{0, 0.005}
	}
	if g.Min == 0 {
		g.Min = g.Max / 10000
	}
	if g.Precision == 0 {
		g.Precision = 0.005
	}
	if g.Final == 0 {
		g.Final = 10 * time.Second
	}
	if g.First == 0 {
		g.First = g.Final / 10
	}
	if g.Trials == 0 {
		g.Trials = 200
	}
	switch {
	case !(g.Min > 0 && g.Min < g.Max) || math.IsInf(g.Max, 0):
		return g, fmt.Errorf("search rates from %v to %v, want them above 0 and ascending", g.Min, g.Max)
	case !(g.Precision > 0 && g.Precision < 1):
		return g, fmt.Errorf("precision %v, want it between 0 and 1", g.Precision)
	case g.First <= 0 || g.First > g.Final:
		return g, fmt.Errorf("trials of %v at first and %v at last, want them ascending", g.First, g.Final)
	}
	for i, l := range g.Loss {
		if !(l >= 0 && l < 1) || i > 0 && l <= g.Loss[i-1] {
			return g, fmt.Errorf("goals of loss %v, want them ascending, from 0 and below 1", g.Loss)
		}
	}
	return g, nil
}

// durations returns how long trials last in each phase.
func (g Goals) durations() []time.Duration {
	if g.First == g.Final {
		return []time.Duration{g.Final}
	}
	return []time.Duration{g.First, g.Final}
}

// try makes a trial, unless it was made.
func (s *search) try(ctx context.Context, rate float64, d time.Duration) error {
	for _, t := range s.made {
		if t.Rate == rate && t.Duration == d {
			return nil
		}
	}
	if len(s.made) == s.Trials {
		return fmt.Errorf("no end after %d trials", s.Trials)
	}
	o, err := s.trial(ctx, rate, d)
	if err != nil {
		return fmt.Errorf("trial at %.0f frames a second: %w", rate, err)
	}
	s.made = append(s.made, Tried{rate, d, o})
	return ctx.Err()
}

// known returns what trials of one duration say of a goal. A rate that passed above one that failed was luck.
func (s *search) known(loss float64, d time.Duration) Found {
	f := Found{Loss: loss}
	for i := range s.made {
		if t := &s.made[i]; t.Duration == d && t.Loss() > loss && (f.Failed == nil || t.Rate < f.Failed.Rate) {
			f.Failed = t
		}
	}
	for i := range s.made {
		t := &s.made[i]
		if t.Duration == d && t.Loss() <= loss && (f.Failed == nil || t.Rate < f.Failed.Rate) && (f.Passed == nil || t.Rate > f.Passed.Rate) {
			f.Passed = t
		}
	}
	return f
}

// find narrows a goal down by trials of one duration, beginning at a guess.
func (s *search) find(ctx context.Context, loss, guess float64, d time.Duration) (Found, error) {
	step := 2 * s.Precision // by which the next rate is farther off, as long as there is nothing on that side
	for {
		f := s.known(loss, d)
		rate := guess
		switch {
		case f.Passed == nil && f.Failed == nil:
		case f.Failed == nil:
			if f.Passed.Rate >= s.Max {
				return f, nil
			}
			rate = min(f.Passed.Rate*(1+step), s.Max)
			step *= 4
		case f.Passed == nil:
			if f.Failed.Rate <= s.Min {
				return f, nil
			}
			rate = max(s.below(f.Failed, step), s.Min)
			step *= 4
		case f.Passed.Rate*(1+s.Precision) >= f.Failed.Rate:
			return f, nil
		default:
			rate = math.Sqrt(f.Passed.Rate * f.Failed.Rate)
		}
		if err := s.try(ctx, rate, d); err != nil {
			return f, err
		}
	}
}

// below returns a rate below one that failed: what got through there, which is what a switch that is overloaded can do,
// or a step down if that is less.
func (s *search) below(t *Tried, step float64) float64 {
	through := t.Rate * (1 - t.Loss())
	return min(max(through, t.Rate/2), t.Rate/(1+step))
}
