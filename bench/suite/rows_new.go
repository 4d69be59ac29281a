package suite

import (
	"context"
	"time"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/rows"
)

// newFlowRows are about flows that no cache knows: each destination is one of its own.
func newFlowRows() []Row {
	spec := stream.Spec{Vary: []string{"destination-address"}}
	traffic := result.Traffic{Protocol: "IPv4, UDP", Directions: 1}
	return []Row{
		{
			ID: "first-packets", Name: "first packets of flows", Contenders: both, Rules: newFlows(), Traffic: traffic, Measures: rows.First{}.Record().Measures,
			Takes: 5 * time.Second, Drive: paced(spec, func(ctx context.Context, _ *Stand, b *rows.Bench) (rows.Record, error) {
				f, err := b.FirstPackets(ctx, 2000, 1000)
				return f.Record(), err
			}),
		},
		{
			ID: "flow-setup", Name: "new flows a second", Contenders: both, Rules: newFlows(), Traffic: traffic, Measures: setUpRecord(nil).Measures,
			Takes: 25 * time.Second, Once: true, Drive: paced(spec, func(ctx context.Context, s *Stand, b *rows.Bench) (rows.Record, error) {
				found, _, err := b.FlowSetup(ctx, method.Goals{Max: 1e6, Precision: 0.05, Trials: mostTrials, Final: s.Options.Window / 2})
				return setUpRecord(found), err
			}),
		},
		{
			ID: "recovery", Name: "recovery from too many new flows", Contenders: both, Rules: newFlows(), Traffic: traffic, Measures: rows.Recovery{}.Record().Measures,
			Takes: 20 * time.Second, Once: true, Drive: paced(spec, recovery),
		},
	}
}

// recovery overloads a switch by what is most work for it: generators here send no more packets of known flows than switches forward.
func recovery(ctx context.Context, s *Stand, b *rows.Bench) (r rows.Record, err error) {
	d := s.Options.Window / 2
	found, _, err := b.FlowSetup(ctx, method.Goals{Loss: []float64{0.005}, Max: 1e6, Precision: 0.1, First: d, Final: d, Trials: mostTrials})
	if err != nil {
		return r, err
	}
	rate, err := rateOf(found[0])
	if err != nil {
		return r, err
	}
	if f := found[0].Failed; f != nil { // a little more than what passed is perhaps not too many
		rate = f.OfferedRate()
	}
	v, err := b.SetupRecovery(ctx, rate, s.Options.Window)
	return v.Record(), err
}

func setUpRecord(found []method.Found) rows.Record {
	if found == nil {
		found = []method.Found{{}, {Loss: 0.005}}
	}
	return rows.RecordFound("new flows", "flows/s", found)
}
