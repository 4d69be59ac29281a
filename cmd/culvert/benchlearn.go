package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/rows"
)

type benchLearnCmd struct {
	benchRow
	benchForget
	Most      int     `help:"Most addresses to try." default:"100000"`
	Rate      float64 `help:"Addresses a second at which the switch learns for certain, and at which is tested what it has learned." default:"10000"`
	Max       float64 `help:"Highest rate to try, in addresses a second; 0 leaves that search out." default:"1e6"`
	Addresses int     `help:"Addresses in the search for the rate; 0: half of those that the switch knows at a time." default:"0"`
}

// A learnAnswer is how a switch learns.
type learnAnswer struct {
	Capacity method.Counted `json:"capacity"`
	Rate     *method.Found  `json:"rate,omitempty"` // addresses a second
	At       int            `json:"addresses"`      // with so many
	Trials   []rows.Learned `json:"trials"`

	forRate []rows.Learned // those of the trials that were for the rate
}

func (c *benchLearnCmd) Run(e *env) error {
	roles := []string{"where addresses are shown", "where is tested what is known of them", "where is seen what is flooded"}
	return c.measure(e, roles, 0, func(ctx context.Context, b *rows.Bench) (benchAnswer, error) {
		b.Forget = shell(c.Forget)
		var a learnAnswer
		var err error
		if a.Capacity, a.Trials, err = b.LearnCapacity(ctx, c.Most, c.Rate, 0.001); err != nil || c.Max == 0 {
			return a, err
		}
		if a.At = c.Addresses; a.At == 0 {
			a.At = a.Capacity.Passed / 2
		}
		if a.At < 1 {
			return nil, errors.New("the switch learns no address at this rate")
		}
		found, made, err := b.LearnRate(ctx, a.At, c.Max, c.Rate)
		a.Rate, a.forRate, a.Trials = &found, made, append(a.Trials, made...)
		return a, err
	})
}

func (a learnAnswer) records() []rows.Record {
	list := []rows.Record{rows.RecordCapacity(a.Capacity, a.Trials[:len(a.Trials)-len(a.forRate)])}
	if a.Rate != nil {
		list = append(list, rows.RecordLearnRate(*a.Rate, a.forRate))
	}
	return list
}

func (a learnAnswer) print(w io.Writer) {
	for _, l := range a.Trials {
		fmt.Fprintf(w, "%8d addresses, %.0f a second: %d learned; %d were flooded to, %d lost, %d lost before they were learned%s\n",
			l.Addresses, l.Rate, l.Learned, l.Flooded, l.Lost, l.Unshown, classed(l.Class))
	}
	fmt.Fprintf(w, "addresses at a time, beside that of the tester: %d; %s\n", a.Capacity.Passed, beyond(a.Capacity, "packets were lost, so that nothing can be said: want a lower --rate"))
	if a.Rate != nil {
		fmt.Fprintf(w, "%d addresses are learned with a ", a.At)
		printFound(w, "addresses/s", []method.Found{*a.Rate})
	}
}
