package method

import (
	"slices"
	"time"
)

// What trials at a rate say of a goal: draft-ietf-bmwg-mlrsearch calls the rate a lower bound when it passes, an upper bound when it fails, and
// undecided else.
const (
	nothing = iota // because of the generator, and more trials would not change that
	undecided
	passed
	failed
)

// A verdict is what trials at one rate say, with the one that stands for it.
type verdict struct {
	*Tried
	says     int
	trials   int     // of full length, that count
	exceeded int     // of them those that lost more than the goal
	loss     float64 // share lost that conditional throughput takes off a rate that passed, see load.forgiving
}

// limitedTries is how often a rate is tried at which the generator was the limit, until what comes of that counts as one trial does: it may
// have been held up.
const limitedTries = 3

// A load is what trials at one rate were like, for one goal.
type load struct {
	good, bad           time.Duration // of trials of full length: in all
	shortGood, shortBad time.Duration // of shorter ones
	trials, exceeded    int           // of full length
	losses              []float64     // shares that these lost, one for each
	limited             []*Tried      // of full length in which the generator was the limit, and which do not count yet
	passed, failed      *Tried        // the first of each, those of full length before shorter ones
	nothing             *Tried        // the first of those that say nothing together
}

// verdicts returns what trials say of a goal that were made in the class that the machine is in, for each rate that is decided. Trials of the first phase are
// those of its duration alone, and one of them decides; for the last phase all that were made count, shorter ones as the draft has them.
func (s *search) verdicts(loss float64, d time.Duration) (list []verdict) {
	sum := d
	if d == s.Final {
		sum = s.Sum
	}
	var rates []float64 // in the order in which they were tried first
	loads := make(map[float64]*load)
	for i := range s.made {
		t := &s.made[i]
		if t.Class != s.class || t.Duration > d || t.Duration < d && d != s.Final {
			continue
		}
		l := loads[t.Rate]
		if l == nil {
			l = new(load)
			loads[t.Rate], rates = l, append(rates, t.Rate)
		}
		l.add(t, loss, d)
	}
	for _, rate := range rates {
		if v := loads[rate].verdict(sum, *s.Exceed); v.says != undecided {
			list = append(list, v)
		}
	}
	return list
}

// add adds a trial. Where the generator was not the limit, or only made it harder, it speaks for itself; others do three by three, as one.
func (l *load) add(t *Tried, loss float64, full time.Duration) {
	switch {
	case t.fails(loss):
		l.count(verdict{Tried: t, says: failed}, full)
	case !t.Limited(), t.late() && t.passes(loss):
		l.count(verdict{Tried: t, says: passed}, full)
	case t.Duration == full:
		if l.limited = append(l.limited, t); len(l.limited) == limitedTries {
			l.count(together(l.limited, loss), full)
			l.limited = nil
		}
	}
}

// count counts what a trial, or several as one, have come to.
func (l *load) count(v verdict, full time.Duration) {
	long := v.Duration == full
	switch {
	case v.says == nothing && l.nothing == nil:
		l.nothing = v.Tried
	case v.says == passed && long:
		l.good += full
		l.trials, l.losses = l.trials+1, append(l.losses, v.Loss())
		if l.passed == nil {
			l.passed = v.Tried
		}
	case v.says == passed:
		l.shortGood += v.Duration
	case v.says == failed && long:
		l.bad += full
		l.trials, l.exceeded, l.losses = l.trials+1, l.exceeded+1, append(l.losses, v.Loss())
		if l.failed == nil || l.failed.Duration < full {
			l.failed = v.Tried
		}
	case v.says == failed:
		l.shortBad += v.Duration
		if l.failed == nil {
			l.failed = v.Tried
		}
	}
}

// verdict decides by the draft's rule (draft-ietf-bmwg-mlrsearch, appendix on the classification of loads). Trials of full length are to go on for sum in all, of
// which the share exceed may be of trials that lost more than the goal. What is missing of the sum may still turn out either way: the rate is decided when it
// makes no difference how. Shorter trials that lost more count as far as shorter ones that did not do not make up for them, and decide for nothing good.
func (l *load) verdict(sum time.Duration, exceed float64) verdict {
	good, bad := float64(l.good), float64(l.bad)
	bad += max(0, float64(l.shortBad)-float64(l.shortGood)*exceed/(1-exceed))
	whole := max(good+bad, float64(sum))
	v := verdict{says: undecided, trials: l.trials, exceeded: l.exceeded}
	switch may := whole * exceed; {
	case bad > may:
		v.Tried, v.says = l.failed, failed
	case whole-good <= may:
		v.Tried, v.says, v.loss = l.passed, passed, l.forgiving(sum, exceed)
	case l.nothing != nil:
		v.Tried, v.says = l.nothing, nothing
	}
	return v
}

// forgiving returns the share lost in the worst of the trials that are not forgiven, of a rate that passes (draft-ietf-bmwg-mlrsearch, conditional throughput): those of full
// length stand in order of their loss, and the worst may take the share exceed of the time, the whole sum or all there was. What is missing of the sum counts as having
// lost all, which a rate that passes can be forgiven.
func (l *load) forgiving(sum time.Duration, exceed float64) float64 {
	whole := max(float64(l.good+l.bad), float64(sum))
	left, each := whole, float64(l.good+l.bad)/float64(len(l.losses))
	for _, loss := range slices.Sorted(slices.Values(l.losses)) {
		if left -= each; left <= whole*exceed {
			return loss
		}
	}
	return 1
}

// together returns what most of several trials say in which the generator was the limit. For a rate that passes stands the one in which most was
// offered.
func together(tries []*Tried, loss float64) verdict {
	v := verdict{Tried: tries[0], says: nothing}
	passes, fails := 0, 0
	var best *Tried
	for _, t := range tries {
		switch {
		case t.passes(loss):
			passes++
			if best == nil || t.OfferedRate() > best.OfferedRate() {
				best = t
			}
		case t.Pace:
			fails++
		}
	}
	switch most := len(tries)/2 + 1; {
	case passes >= most:
		v.Tried, v.says = best, passed
	case fails >= most:
		v.says = failed
	}
	return v
}
