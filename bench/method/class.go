package method

import (
	"context"
	"time"
)

// Mixed is the class of a trial during which the machine changed from one state to another.
const Mixed = "mixed"

// Probed returns a trial whose outcomes have what a probe says of the machine before and after: how far its CPUs are from
// each other, for example. Outcomes of two classes are of two machines.
func Probed(trial Trial, probe func() float64) Trial {
	return func(ctx context.Context, rate float64, d time.Duration) (Outcome, error) {
		before := probe()
		o, err := trial(ctx, rate, d)
		if err != nil {
			return o, err
		}
		o.Probes = []float64{before, probe()}
		return o, nil
	}
}

// Class classes trials that have probes, all together: what tells two classes apart is the probes themselves. classes
// returns the class of each, Mixed or "" if it has none; bench/machine's Classes is one.
func Class(made []Tried, classes func(probes [][]float64) []string) {
	probes := make([][]float64, len(made))
	for i := range made {
		probes[i] = made[i].Probes
	}
	for i, class := range classes(probes) {
		made[i].Class = class
	}
}
