package method

import "time"

// What trials at a rate say of a goal.
const (
	nothing = iota
	passed
	failed
)

// A verdict is what trials at one rate say, with the one that stands for it.
type verdict struct {
	*Tried
	says int
}

// limitedTries is how often a rate is tried at which the generator was the limit, until what comes of that counts: it may
// have been held up.
const limitedTries = 3

// verdicts returns what trials of one duration, and of the class that the machine is in, say of a goal. Where the generator was not the
// limit, or only made it harder, each speaks for itself; of the others those at one rate do together.
func (s *search) verdicts(loss float64, d time.Duration) (list []verdict) {
	limited := make(map[float64][]*Tried)
	for i := range s.made {
		t := &s.made[i]
		switch {
		case t.Duration != d || t.Class != s.class:
		case t.fails(loss):
			list = append(list, verdict{t, failed})
		case !t.Limited(), t.late() && t.passes(loss):
			list = append(list, verdict{t, passed})
		default:
			limited[t.Rate] = append(limited[t.Rate], t)
			if tries := limited[t.Rate]; len(tries) == limitedTries {
				list = append(list, together(tries, loss))
			}
		}
	}
	return list
}

// together returns what most of several trials say in which the generator was the limit. For a rate that passes stands the one in which most was
// offered.
func together(tries []*Tried, loss float64) verdict {
	v := verdict{tries[0], nothing}
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
		v = verdict{best, passed}
	case fails >= most:
		v.says = failed
	}
	return v
}
