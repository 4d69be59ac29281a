package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/rows"
)

type benchLoadCmd struct {
	benchRow
	benchWarm
	Max   float64       `help:"Highest rate, in frames a second." default:"20e6"`
	Steps int           `help:"How many rates, evenly up to the highest." default:"10"`
	Time  time.Duration `help:"How long each is offered." default:"5s" placeholder:"TIME"`
}

// A loadAnswer is loss against load.
type loadAnswer struct {
	Trials []method.Tried `json:"trials"`
}

func (c *benchLoadCmd) Run(e *env) error {
	if c.Steps < 1 || c.Steps > 1000 {
		return usageError{fmt.Errorf("%d steps, want 1 to 1000", c.Steps)}
	}
	return c.measure(e, sendRoles, c.Warm, func(ctx context.Context, b *rows.Bench) (benchAnswer, error) {
		made, err := method.Curve(ctx, c.Steps, c.Max, c.Time, told(e, b.Trial()))
		method.Class(made, machine.Classes)
		return loadAnswer{made}, err
	})
}

func (a loadAnswer) records() []rows.Record { return []rows.Record{rows.RecordLoads(a.Trials)} }

func (a loadAnswer) print(w io.Writer) {
	for _, t := range a.Trials {
		fmt.Fprintf(w, "%.0f frames/s: %.4f %% lost; half within %s, 99.99 %% %s%s%s\n",
			t.Rate, 100*t.Loss(), nanos(t.P50), nanos(t.P9999), classed(t.Class), limited(t.Outcome))
	}
}

type benchBurstCmd struct {
	benchRow
	benchWarm
	Most int `help:"Longest burst to try, in frames." default:"1000000"`
}

type burstAnswer struct{ rows.Burst }

func (c *benchBurstCmd) Run(e *env) error {
	return c.measure(e, sendRoles, c.Warm, func(ctx context.Context, b *rows.Bench) (benchAnswer, error) {
		r, err := b.Burst(ctx, c.Most)
		return burstAnswer{r}, err
	})
}

func (a burstAnswer) records() []rows.Record { return []rows.Record{a.Record()} }

func (a burstAnswer) print(w io.Writer) {
	fmt.Fprintf(w, "longest burst without loss: %d frames, given to the port at %.0f a second%s; %s\n", a.Passed, a.Rate, classed(a.Class), beyond(a.Counted, "the generator was the limit"))
}

// beyond says what bounds a number that was found.
func beyond(c method.Counted, limited string) string {
	switch {
	case c.Limited > 0:
		return fmt.Sprintf("perhaps more: with %d %s", c.Limited, limited)
	case c.Failed > 0:
		return fmt.Sprintf("%d were too many", c.Failed)
	}
	return "perhaps more: nothing larger was to be tried"
}

type benchRecoverCmd struct {
	benchRow
	benchWarm
	Throughput float64       `help:"What the switch can do without loss, in frames a second: 110 % of it is the overload, 50 % what follows." required:"" placeholder:"RATE"`
	Time       time.Duration `help:"How long each of the two lasts." default:"10s" placeholder:"TIME"`
}

type recoverAnswer struct{ rows.Recovery }

func (c *benchRecoverCmd) Run(e *env) error {
	return c.measure(e, sendRoles, c.Warm, func(ctx context.Context, b *rows.Bench) (benchAnswer, error) {
		r, err := b.Recovery(ctx, c.Throughput, c.Time)
		return recoverAnswer{r}, err
	})
}

func (a recoverAnswer) records() []rows.Record { return []rows.Record{a.Record()} }

func (a recoverAnswer) print(w io.Writer) {
	switch {
	case !a.Overloaded:
		fmt.Fprintf(w, "nothing was lost at %.0f frames/s: that was no overload\n", a.Overload)
	case !a.Recovered:
		fmt.Fprintf(w, "still losing frames %s after the overload, at %.0f frames/s: %d lost\n", nanos(int64(a.After)), a.Relief, a.LostAfter)
	default:
		fmt.Fprintf(w, "after %.0f frames/s, %d of which were lost, nothing was lost any more after %s at %.0f frames/s (%d lost until then)%s\n",
			a.Overload, a.LostOver, nanos(int64(a.After)), a.Relief, a.LostAfter, classed(a.Class))
	}
	printLimits(w, a.Limits)
}
