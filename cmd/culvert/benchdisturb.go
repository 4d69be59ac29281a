package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/culvertdev/culvert/bench/rows"
)

type benchDisturbCmd struct {
	benchRow
	benchWarm
	Do    string        `help:"Line for a shell, such as 'systemctl restart culvert' or 'culvert flow mod …'." required:"" placeholder:"COMMAND"`
	Name  string        `help:"What that is." default:"disturbed" placeholder:"TEXT"`
	Rate  float64       `help:"Load, in frames a second: less than the switch does without loss." required:"" placeholder:"RATE"`
	Time  time.Duration `help:"How long the load lasts, first undisturbed and then not." default:"10s" placeholder:"TIME"`
	After time.Duration `help:"When the command is run." default:"1s" placeholder:"TIME"`
	Every time.Duration `help:"Run it again and again, so long apart." placeholder:"TIME"`
}

type disturbAnswer struct {
	rows.Disturbed
	name string
}

func (c *benchDisturbCmd) Run(e *env) error {
	if c.After >= c.Time {
		return usageError{errors.New("--after --time: want the command run while there is load")}
	}
	return c.measure(e, sendRoles, c.Warm, func(ctx context.Context, b *rows.Bench) (benchAnswer, error) {
		v, err := b.Disturb(ctx, c.Rate, c.Time, rows.Disturbance{Do: shell(c.Do), After: c.After, Every: c.Every})
		return disturbAnswer{v, c.Name}, err
	})
}

func (a disturbAnswer) records() []rows.Record { return []rows.Record{a.Record(a.name)} }

func (a disturbAnswer) print(w io.Writer) {
	fmt.Fprintf(w, "%d times at %.0f frames/s%s: %d of %d frames were lost, as if nothing had passed for %s; longest silence %s at %s\n",
		a.Times, a.Rate, classed(a.Class), a.Lost, a.Offered, nanos(int64(a.Blocked)), nanos(int64(a.Silence)), nanos(int64(a.SilenceAt)))
	if len(a.Took) > 0 {
		fmt.Fprintf(w, "    the command took %s the first time\n", nanos(int64(a.Took[0])))
	}
	fmt.Fprintf(w, "    undisturbed, %d frames were lost\n", a.Calm)
	printLatency(w, "    latency", a.Latency)
	printLatency(w, "    undisturbed", a.Before)
	printLimits(w, a.Limits)
}

type benchSoakCmd struct {
	benchRow
	benchWarm
	Rate     float64       `help:"Load, in frames a second: a share of what the switch does without loss." required:"" placeholder:"RATE"`
	Time     time.Duration `help:"How long." default:"1h" placeholder:"TIME"`
	Interval time.Duration `help:"How long each interval is." default:"10s" placeholder:"TIME"`
}

type soakAnswer struct{ rows.Soak }

// Run prints each interval when it has ended. A soak that is told to end has an answer, too.
func (c *benchSoakCmd) Run(e *env) error {
	return c.measure(e, sendRoles, c.Warm, func(ctx context.Context, b *rows.Bench) (benchAnswer, error) {
		s, err := b.Soak(ctx, c.Rate, c.Time, c.Interval, func(i rows.Interval) {
			if !e.json {
				printInterval(e.errs, i)
			}
		})
		if errors.Is(err, context.Canceled) && len(s.Intervals) > 0 {
			err = nil
		}
		return soakAnswer{s}, err
	})
}

func printInterval(w io.Writer, i rows.Interval) {
	fmt.Fprintf(w, "%s: %d of %d frames lost, longest silence %s%s\n", i.Start, i.Lost, i.Offered, nanos(int64(i.Silence)), classed(i.Class))
	printLatency(w, "    latency", i.Latency)
	printLimits(w, i.Limits)
}

func (a soakAnswer) records() (list []rows.Record) {
	for _, i := range a.Intervals {
		list = append(list, i.Record())
	}
	return list
}

func (a soakAnswer) print(w io.Writer) {
	fmt.Fprintf(w, "%d intervals at %.0f frames/s: %d of %d frames lost, in %d intervals; the generator was the limit in %d\n",
		len(a.Intervals), a.Rate, a.Lost, a.Offered, a.Lossy, a.Limited)
	printLatency(w, "    latency", a.Latency)
}
