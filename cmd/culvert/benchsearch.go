package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/port"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/rows"
)

type benchSearchCmd struct {
	benchRow
	benchBoth
	Max       float64       `help:"Highest rate to try, in frames a second from each port that sends." default:"20e6"`
	Loss      []float64     `help:"Shares that may be lost, ascending." default:"0,0.005"`
	Precision float64       `help:"Share by which what passes is below what does not, at most." default:"0.005"`
	Time      time.Duration `help:"How long the trials last that count." default:"10s" placeholder:"TIME"`
	Sum       time.Duration `help:"How long those at one rate last together until it is decided, unless it is clear before; 0: one trial decides." default:"0" placeholder:"TIME"`
	Exceed    float64       `help:"Share of that time that trials may take which lose more than they may: 0.5 finds what a switch does most of the time, 0 what it always does." default:"0.5"`
	Warm      time.Duration `help:"How long frames are sent before anything counts, at a tenth of the highest rate." default:"2s" placeholder:"TIME"`
}

// A searchAnswer is what a search has found.
type searchAnswer struct {
	Found   []method.Found `json:"found"`
	Latency []method.Tried `json:"latency"` // at shares of the highest rate without loss, or of the first that was found
	Trials  []method.Tried `json:"trials"`
}

// loads are the shares of a rate at which latency is measured.
var loads = []float64{0.1, 0.5, 0.9}

func (c *benchSearchCmd) Run(e *env) error {
	return c.run(e, sendRoles, func(ctx context.Context, g *gen.Generator, ports []port.Spec, spec stream.Spec) (benchAnswer, error) {
		streams := c.streams(ports, spec)
		ceiling, err := c.benchCeiling.measure(ctx, e, g, c.How, streams[0])
		if err != nil {
			return nil, err
		}
		trial := c.trial(e, g, streams, ceiling)
		if c.Warm > 0 {
			if _, err := trial(ctx, c.Max/10, c.Warm); err != nil {
				return nil, err
			}
		}
		return c.search(ctx, trial)
	})
}

// search looks for the rates, and measures latency below the first that was found.
func (c *benchSearchCmd) search(ctx context.Context, trial method.Trial) (a searchAnswer, err error) {
	a.Found, a.Trials, err = method.Search(ctx, method.Goals{Loss: c.Loss, Max: c.Max, Precision: c.Precision, Final: c.Time, Sum: c.Sum, Exceed: &c.Exceed, Classes: machine.Classes}, trial)
	if err != nil {
		return a, err
	}
	for _, f := range a.Found {
		if f.Passed != nil {
			a.Latency, err = method.Loads(ctx, loads, f.Rate(), c.Time, method.Alike(trial, *f.Passed, a.Trials, machine.Classes))
			break
		}
	}
	return a, err
}

// records returns what a run keeps.
func (a searchAnswer) records() []rows.Record {
	list := []rows.Record{rows.RecordFound("throughput", "packets/s", a.Found)}
	for i, t := range a.Latency {
		list = append(list, rows.RecordLatency(loads[i], t))
	}
	return list
}

// trial returns what makes a trial, and tells people of each. ceiling is what the generator does by itself, in frames a second; 0: that is not known.
func (c *benchSearchCmd) trial(e *env, g *gen.Generator, streams []gen.Stream, ceiling float64) method.Trial {
	trial := func(ctx context.Context, rate float64, d time.Duration) (o method.Outcome, err error) {
		for i := range streams {
			streams[i].Rate = rate
		}
		r, err := g.Run(ctx, gen.Job{Time: gen.Duration(d), CPUs: c.How.CPUs, Rest: c.How.Rest, Streams: streams, Ceiling: ceiling}, nil)
		if err != nil {
			return o, err
		}
		if err := ctx.Err(); err != nil {
			return o, err // it was cut short
		}
		return rows.Outcome(r), nil
	}
	if probe := c.Kept.probe(c.How); probe != nil {
		trial = method.Probed(trial, probe)
	}
	return told(e, trial)
}

// told returns a trial of which people are told.
func told(e *env, trial method.Trial) method.Trial {
	return func(ctx context.Context, rate float64, d time.Duration) (method.Outcome, error) {
		o, err := trial(ctx, rate, d)
		if err == nil && !e.json {
			fmt.Fprintf(e.errs, "%11.0f frames/s for %s: %.4f %% lost%s\n", rate, d, 100*o.Loss(), limited(o))
		}
		return o, err
	}
}

// classed says of what class a figure is.
func classed(class string) string {
	if class == "" {
		return ""
	}
	return ", CPUs " + class
}

// limited says that a trial was not about the switch.
func limited(o method.Outcome) string {
	if len(o.Limits) == 0 {
		return ""
	}
	return "; the generator was the limit: " + o.Limits[0]
}

// print prints what was found for people.
func (a searchAnswer) print(w io.Writer) {
	printFound(w, "frames/s", a.Found)
	for _, t := range a.Latency {
		fmt.Fprintf(w, "latency at %.0f frames/s: half within %s, 99 %% %s, 99.99 %% %s; %.4f %% lost%s%s\n",
			t.Rate, nanos(t.P50), nanos(t.P99), nanos(t.P9999), 100*t.Loss(), classed(t.Class), limited(t.Outcome))
	}
}

// outOf says in how many trials more was lost at the rate that passed, if there are any.
func outOf(f method.Found) string {
	if f.Exceeded == 0 {
		return ""
	}
	return fmt.Sprintf(" (more in %d of %d trials)", f.Exceeded, f.Trials)
}

// bracket says what is known of a rate that was not found: between which two it lies.
func bracket(f method.Found, unit string) string {
	passed, class := "none that passes", ""
	if f.Passed != nil {
		passed, class = fmt.Sprintf("%.0f %s", f.Rate(), unit), classed(f.Passed.Class)
	}
	if f.Failed == nil {
		return passed + class + ", and none that does not pass"
	}
	return fmt.Sprintf("%s, and %.0f that does not pass%s", passed, f.Failed.OfferedRate(), classed(f.Failed.Class))
}

// printFound prints the answers to a search for rates of something.
func printFound(w io.Writer, unit string, found []method.Found) {
	for _, f := range found {
		fmt.Fprintf(w, "loss of at most %.4g %%%s: ", 100*f.Loss, outOf(f))
		switch {
		case f.Open:
			fmt.Fprintf(w, "not found, there are no trials or time left: %s\n", bracket(f, unit))
			for _, o := range f.Others {
				fmt.Fprintf(w, "    in another class: %s\n", bracket(o, unit))
			}
		case f.Unknown():
			fmt.Fprintf(w, "unknown: %.0f %s%s\n", f.Limited.Rate, unit, limited(f.Limited.Outcome))
		case f.Passed == nil:
			fmt.Fprintf(w, "no rate, not even %.0f %s\n", f.Failed.Rate, unit)
		case f.Limited != nil:
			fmt.Fprintf(w, "%.0f %s%s, and perhaps more: with %.0f%s\n", f.Rate(), unit, classed(f.Passed.Class), f.Limited.Rate, limited(f.Limited.Outcome))
		case f.Failed == nil && f.Passed.Limited():
			fmt.Fprintf(w, "%.0f %s%s, and perhaps more%s\n", f.Rate(), unit, classed(f.Passed.Class), limited(f.Passed.Outcome))
		case f.Failed == nil:
			fmt.Fprintf(w, "%.0f %s%s, and perhaps more: nothing higher was to be tried\n", f.Rate(), unit, classed(f.Passed.Class))
		case f.AtLeast():
			fmt.Fprintf(w, "%.0f %s%s, and perhaps more%s; with %.0f %.4f %% were lost\n", f.Rate(), unit, classed(f.Passed.Class), limited(f.Passed.Outcome), f.Failed.OfferedRate(), 100*f.Failed.Loss())
		default:
			fmt.Fprintf(w, "%.0f %s%s; with %.0f %.4f %% were lost\n", f.Rate(), unit, classed(f.Passed.Class), f.Failed.OfferedRate(), 100*f.Failed.Loss())
		}
		if f.Loss > 0 && f.Passed != nil {
			fmt.Fprintf(w, "    conditional throughput: %.0f %s\n", f.Conditional, unit)
		}
	}
}
