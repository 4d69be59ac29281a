package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/rows"
)

type benchFlowsCmd struct {
	benchRow
	benchForget
	New  int           `help:"New flows, for how long their first packets take." default:"1000"`
	Rate float64       `help:"At which they come, in flows a second." default:"1000"`
	Max  float64       `help:"Highest rate of new flows to try; 0 leaves the search out." default:"1e6"`
	Time time.Duration `help:"How long the trials last that count; there are four million flows in one at most." default:"4s" placeholder:"TIME"`
}

// benchForget is the option of measurements that want to find a switch that knows nothing.
type benchForget struct {
	Forget string `help:"Line for a shell that makes the switch forget the flows and addresses it knows, before each trial." placeholder:"COMMAND"`
}

// A flowsAnswer is how a switch does with new flows.
type flowsAnswer struct {
	First  rows.First     `json:"first"`
	Found  []method.Found `json:"found,omitempty"`
	Trials []method.Tried `json:"trials,omitempty"`
}

func (c *benchFlowsCmd) Run(e *env) error {
	c.Frames.Flows = c.New
	return c.measure(e, sendRoles, 0, func(ctx context.Context, b *rows.Bench) (benchAnswer, error) {
		b.Forget = shell(c.Forget)
		first, err := b.FirstPackets(ctx, c.New, c.Rate)
		if err != nil || c.Max == 0 {
			return flowsAnswer{First: first}, err
		}
		found, made, err := b.FlowSetup(ctx, method.Goals{Max: c.Max, Final: c.Time})
		return flowsAnswer{first, found, made}, err
	})
}

func (a flowsAnswer) records() []rows.Record {
	list := []rows.Record{a.First.Record()}
	if a.Found != nil {
		list = append(list, rows.RecordFound("new flows", "flows/s", a.Found))
	}
	return list
}

func (a flowsAnswer) print(w io.Writer) {
	f := a.First
	fmt.Fprintf(w, "%d new flows, %.0f a second%s:\n", f.Flows, f.Rate, classed(f.Class))
	printLatency(w, "    first packets", f.First)
	printLatency(w, "    second packets", f.Again)
	fmt.Fprintf(w, "    %d first and %d second packets were lost; half of the first take %s longer\n", f.LostFirst, f.LostAgain, nanos(int64(f.Extra())))
	printLimits(w, f.Limits)
	printFound(w, "new flows/s", a.Found)
}
