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
	Sum       time.Duration // how long those at one rate last together until it is decided, unless it is clear before; default Final: one decides
	Exceed    *float64      // share of that time that trials may take which lose more than the goal, from 0 to below 1; default 0.5
	Trials    int           // at most; default 200 for each Final that Sum has
	// Classes tells the classes of trials from their probes, see Class; nil: all are of one class.
	Classes func(probes [][]float64) []string
}

// A Found is the answer to one goal. Trials have the rates that were asked for beside what was really offered. Where several trials of a rate decided,
// the first of those stands for them that are for it.
type Found struct {
	Loss     float64 `json:"loss"`               // the goal
	Passed   *Tried  `json:"passed"`             // the highest rate that passed below all that did not; nil if none did
	Trials   int     `json:"trials,omitempty"`   // of full length that decided so; three in which the generator was the limit count as one
	Exceeded int     `json:"exceeded,omitempty"` // of these lost more than the goal
	// Conditional is the conditional throughput of Passed (draft-ietf-bmwg-mlrsearch), in frames a second: what got through of its rate in the worst of the
	// trials that are not forgiven. 0 if none passed.
	Conditional float64 `json:"conditional_throughput,omitempty"`
	Failed      *Tried  `json:"failed,omitempty"`  // the lowest rate that failed; nil if none did: the switch may do more
	Limited     *Tried  `json:"limited,omitempty"` // the lowest rate at which nothing could be said because of the generator, if it is lower: the switch may do more
	// Open means that there were no trials, or no time, left before the rate was found to the precision: the switch may do more than Passed, up to Failed. It is of the class of
	// which most is known then, and Others is what is known in others.
	Open   bool    `json:"open,omitempty"`
	Others []Found `json:"other_classes,omitempty"`
}

// Rate returns the highest rate that passed, as it was really offered; 0 if none did.
func (f Found) Rate() float64 {
	if f.Passed == nil {
		return 0
	}
	return f.Passed.OfferedRate()
}

// Unknown reports whether nothing is known of the rate: none passed, and it is not for the switch that none did.
func (f Found) Unknown() bool { return f.Passed == nil && (f.Limited != nil || f.Open) }

// AtLeast reports whether the switch may do more than Rate says: nothing failed, or the generator fell so far short of what it should
// have offered where the switch passed that there is room up to what failed, or there were no trials or time left to tell.
func (f Found) AtLeast() bool {
	switch {
	case f.Failed == nil || f.Limited != nil || f.Open:
		return true
	case f.Passed == nil:
		return false
	}
	return f.Failed.OfferedRate()/f.Passed.OfferedRate() > (1+room)*f.Failed.Rate/f.Passed.Rate
}

// room is by which share what was offered at two rates may be further apart than what was asked for, without being called the generator's limit.
const room = 0.1

// bound returns the lowest trial that did not pass, nil if there is none.
func (f Found) bound() *Tried {
	if f.Limited != nil {
		return f.Limited
	}
	return f.Failed
}

// search is one at work.
type search struct {
	Goals
	trial Trial
	made  []Tried
	class string // of the last trial that has one: the machine is in that state
	aim   wanted
}

// wanted is a trial that was made to know more of a class.
type wanted struct {
	rate   float64
	d      time.Duration
	class  string
	missed int // trials in a row that were of another class than they were for
}

// mostMissed is how many trials in a row may be of another class than they were for, until the last is made again. A machine that changes its class with each trial would
// have those for one class be of the other for ever.
const mostMissed = 2

// Search finds, for each goal, the highest rate at which a switch loses no more. A trial counts for all goals. Short
// trials come first, to say where the long ones begin. A rate is tried until it is decided as draft-ietf-bmwg-mlrsearch has it: by Final (its goal final
// trial duration), Sum (goal duration sum) and Exceed (goal exceed ratio), which are the same for all goals here. made are all trials in the order they were
// made; it is what has been made so far when there is an error.
//
// Trials of different classes are kept apart, and the search goes on with what it knows of the class that the machine is
// in; all of an answer is of one class, that of its Passed. Mixed trials count for nothing.
//
// A trial in which the generator was the limit is made three times, since it may have been held up. Then it passes, with what was really offered, if
// what arrived says so in most of them, fails if that is the switch's loss in most of them, and otherwise says nothing.
//
// A machine that changes its class again and again may leave no class with trials enough. The search ends with g.Trials then, or when two thirds of the time until
// ctx's deadline are over, if it has one: the rest is for what comes after the search. It ends with what is known of the class of which most is, and says so: see
// Found's Open.
func Search(ctx context.Context, g Goals, trial Trial) (found []Found, made []Tried, err error) {
	g, err = g.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	s := &search{Goals: g, trial: trial}
	late := lateIn(ctx)
	for {
		rate, d, done := s.next()
		if done {
			break
		}
		if len(s.made) == g.Trials || late() {
			return s.unfinished(), s.made, nil
		}
		if s.aim.missed < mostMissed {
			s.aim = wanted{rate, d, s.class, s.aim.missed}
		}
		if err := s.try(ctx, s.aim.rate, s.aim.d); err != nil {
			return nil, s.made, err
		}
	}
	for _, loss := range g.Loss {
		found = append(found, s.known(loss, g.Final))
	}
	return found, s.made, nil
}

// lateIn returns what reports whether two thirds of the time from now until ctx's deadline are over.
func lateIn(ctx context.Context) func() bool {
	deadline, some := ctx.Deadline()
	if !some {
		return func() bool { return false }
	}
	end := time.Now().Add(time.Until(deadline) * 2 / 3)
	return func() bool { return time.Now().After(end) }
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
	if g.Sum == 0 {
		g.Sum = g.Final
	}
	if g.Exceed == nil {
		g.Exceed = new(0.5)
	}
	if g.Trials == 0 {
		g.Trials = 200 * int((g.Sum+g.Final-1)/g.Final)
	}
	switch {
	case !(g.Min > 0 && g.Min < g.Max) || math.IsInf(g.Max, 0):
		return g, fmt.Errorf("search rates from %v to %v, want them above 0 and ascending", g.Min, g.Max)
	case !(g.Precision > 0 && g.Precision < 1):
		return g, fmt.Errorf("precision %v, want it between 0 and 1", g.Precision)
	case g.First <= 0 || g.First > g.Final:
		return g, fmt.Errorf("trials of %v at first and %v at last, want them ascending", g.First, g.Final)
	case g.Sum < g.Final:
		return g, fmt.Errorf("%v in all for trials of %v, want it to be as long at least", g.Sum, g.Final)
	case !(*g.Exceed >= 0 && *g.Exceed < 1):
		return g, fmt.Errorf("a share of %v of the time with more loss than the goal, want 0 to less than 1", *g.Exceed)
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

// try makes a trial.
func (s *search) try(ctx context.Context, rate float64, d time.Duration) error {
	o, err := s.trial(ctx, rate, d)
	if err != nil {
		return fmt.Errorf("trial at %.0f frames a second: %w", rate, err)
	}
	s.made = append(s.made, Tried{rate, d, o})
	if s.Classes != nil {
		Class(s.made, s.Classes)
	}
	if last := s.made[len(s.made)-1].Class; last != Mixed {
		s.class = last
	}
	if s.aim.missed++; s.class == s.aim.class || s.aim.missed > mostMissed {
		s.aim.missed = 0
	}
	return ctx.Err()
}

// known returns what trials of a phase, and of the class that the machine is in, say of a goal. A rate that passed
// above one that did not was luck.
func (s *search) known(loss float64, d time.Duration) Found {
	f := Found{Loss: loss}
	verdicts := s.verdicts(loss, d)
	for _, v := range verdicts {
		switch {
		case v.says == failed && (f.Failed == nil || v.Rate < f.Failed.Rate):
			f.Failed = v.Tried
		case v.says == nothing && (f.Limited == nil || v.Rate < f.Limited.Rate):
			f.Limited = v.Tried
		}
	}
	if f.Limited != nil && f.Failed != nil && f.Failed.Rate <= f.Limited.Rate {
		f.Limited = nil
	}
	for _, v := range verdicts {
		if v.says == passed && (f.bound() == nil || v.Rate < f.bound().Rate) && (f.Passed == nil || v.Rate > f.Passed.Rate) {
			f.Passed, f.Trials, f.Exceeded, f.Conditional = v.Tried, v.trials, v.exceeded, v.OfferedRate()*(1-v.loss)
		}
	}
	return f
}

// next returns what to try next, or that all is known. The long trials of a goal begin at what the short ones say.
func (s *search) next() (rate float64, d time.Duration, done bool) {
	guess := make([]float64, len(s.Loss))
	for i := range guess {
		guess[i] = s.Max
	}
	for _, d := range s.durations() {
		for i, loss := range s.Loss {
			f := s.known(loss, d)
			if rate, done := s.narrow(f, guess[i]); !done {
				return rate, d, false
			}
			guess[i] = s.Min
			if f.Passed != nil {
				guess[i] = f.Passed.Rate
			}
		}
	}
	return 0, 0, true
}

// narrow returns the rate that says most about a goal, or that enough is known. It begins at a guess; where nothing is
// known on the side it goes to, each step is four times as far from the guess as the one before.
func (s *search) narrow(f Found, guess float64) (rate float64, done bool) {
	bound := f.bound()
	switch {
	case f.Passed != nil && bound != nil:
		return math.Sqrt(f.Passed.Rate * bound.Rate), f.Passed.Rate*(1+s.Precision) >= bound.Rate
	case f.Passed != nil && f.Passed.Rate >= guess:
		step := max(2*s.Precision, 4*(f.Passed.Rate/guess-1))
		return min(f.Passed.Rate*(1+step), s.Max), f.Passed.Rate >= s.Max
	case bound != nil && bound.Rate <= guess:
		step := max(2*s.Precision, 4*(guess/bound.Rate-1))
		return max(below(bound, step), s.Min), bound.Rate <= s.Min
	}
	return guess, false
}

// below returns a rate below one that did not pass: what got through there, which is what a switch that is overloaded can
// do, or a step down if that is less.
func below(t *Tried, step float64) float64 {
	through := t.Rate / (1 + limitedStep)
	switch {
	case t.Pace:
		through = max(t.OfferedRate()*(1-t.Loss()), t.Rate/10)
	case !t.Limited():
		through = max(t.Rate*(1-t.Loss()), t.Rate/2)
	}
	return min(through, t.Rate/(1+step))
}

// limitedStep is by which share a rate is lower, at least, than one at which the generator was the limit.
const limitedStep = 0.1
