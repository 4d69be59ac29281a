package method

import (
	"context"
	"time"
)

// PartTime is how long a part of a trial lasts of which others may spoil some: shorter than the time between two looks of a kernel's
// housekeeping, such as kdamond's, twice a second.
const PartTime = 200 * time.Millisecond

// mostAgain is how often a part is made again on average, at most. A machine that never leaves the switch alone is what it is.
const mostAgain = 1

// Taken begins to watch how long the switch was ready to go on and had no CPU, since others had it. done returns that.
type Taken func() (done func() (time.Duration, error), err error)

// Undisturbed returns a trial of parts, each of PartTime at most. A part is made again if frames were lost because somebody else had the
// switch's CPU: not more than were sent meanwhile. What a ring is short of then says when that was, and how long, but nothing of the switch.
//
// Frames are those of the parts that count, and Sent is their mean. Other figures are the worst part's. nil for taken leaves the trial as it is.
func Undisturbed(trial Trial, taken Taken) Trial {
	if taken == nil {
		return trial
	}
	return func(ctx context.Context, rate float64, d time.Duration) (all Outcome, err error) {
		parts := max(1, int((d+PartTime-1)/PartTime))
		spare := mostAgain * parts
		for n := 0; n < parts; {
			done, err := taken()
			if err != nil {
				return all, err
			}
			o, err := trial(ctx, rate, d/time.Duration(parts))
			if err != nil {
				return all, err
			}
			away, err := done()
			if err != nil {
				return all, err
			}
			if o.Lost > 0 && float64(o.Lost) <= rate*away.Seconds() && all.Again < spare {
				all.Again++
				continue
			}
			if o.Sent == 0 {
				o.Sent = rate
			}
			all.add(o, parts)
			n++
		}
		return all, nil
	}
}

// add adds one of so many parts.
func (o *Outcome) add(part Outcome, parts int) {
	otherwise := o.Limited() && !o.Pace || part.Limited() && !part.Pace
	o.Limits = append(o.Limits, part.Limits...)
	o.Pace = o.Limited() && !otherwise
	o.Offered, o.Lost = o.Offered+part.Offered, o.Lost+part.Lost
	o.Sent += part.Sent / float64(parts)
	o.P50, o.P99 = max(o.P50, part.P50), max(o.P99, part.P99)
	o.P999, o.P9999 = max(o.P999, part.P999), max(o.P9999, part.P9999)
}
