package rows

import (
	"context"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/method"
)

// FlowSetup searches for the rates at which a switch sets up new flows, as [method.Search] does: every packet is the first
// of its flow, so packets a second are flows a second. A trial has as many flows as it has packets, so its time is bounded by
// [stream.MaxFlows] at the highest rate.
func (b *Bench) FlowSetup(ctx context.Context, g method.Goals) ([]method.Found, []method.Tried, error) {
	if longest := time.Duration(stream.MaxFlows / max(g.Max, 1) * float64(time.Second)); g.Final == 0 || g.Final > longest {
		g.Final = min(longest, defaultFinal)
	}
	if g.First == 0 || g.First > g.Final {
		g.First = g.Final
	}
	g.Classes = machine.Classes
	return method.Search(ctx, g, b.withProbes(b.setUp))
}

// defaultFinal is for how long new flows come, where nothing is said.
const defaultFinal = 4 * time.Second

// setUp is one trial.
func (b *Bench) setUp(ctx context.Context, rate float64, d time.Duration) (o method.Outcome, err error) {
	flows := frames(rate, d)
	if flows > stream.MaxFlows {
		return o, fmt.Errorf("%d new flows, want at most %d", flows, stream.MaxFlows)
	}
	if err := b.forget(ctx); err != nil {
		return o, err
	}
	spec, err := b.fresh(flows)
	if err != nil {
		return o, err
	}
	r, err := b.steady(ctx, allOf(flows, rate), gen.Stream{From: b.From, To: b.To, Rate: rate, Count: uint64(flows), Spec: spec})
	if err != nil {
		return o, err
	}
	return Outcome(r), nil
}
