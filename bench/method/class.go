package method

import (
	"context"
	"slices"
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

// otherState is what a trial says that is of another class than it was to be.
const otherState = "the machine was in another state than it was to be"

// Alike returns a trial that is made again, three times in all, until it is of the class of another one. known are more trials, by which classes
// are told apart. One that never is says by its limits that it is not to be put beside that one. Where like has no probes it is the trial itself.
func Alike(trial Trial, like Tried, known []Tried, classes func(probes [][]float64) []string) Trial {
	if len(like.Probes) != 2 {
		return trial
	}
	return func(ctx context.Context, rate float64, d time.Duration) (o Outcome, err error) {
		for range limitedTries {
			if o, err = trial(ctx, rate, d); err != nil {
				return o, err
			}
			all := append(slices.Clone(known), like, Tried{rate, d, o})
			Class(all, classes)
			of := all[len(known):]
			if o.Class = of[1].Class; o.Class == of[0].Class && o.Class != Mixed {
				return o, nil
			}
		}
		o.Limits, o.Pace = append([]string{otherState}, o.Limits...), false
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
