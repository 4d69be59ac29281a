package method

import (
	"context"
	"time"
)

// Mixed is the class of a trial during which the machine changed from one class to another.
const Mixed = "mixed"

// Classed returns a trial whose outcomes have the machine's class, which probe tells before and after. Outcomes of two
// classes are of two machines.
func Classed(trial Trial, probe func() string) Trial {
	return func(ctx context.Context, rate float64, d time.Duration) (Outcome, error) {
		before := probe()
		o, err := trial(ctx, rate, d)
		if err != nil {
			return o, err
		}
		if o.Class = probe(); o.Class != before {
			o.Class = Mixed
		}
		return o, nil
	}
}
