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
			Takes: time.Minute, Asked: true, Drive: paced(spec, func(ctx context.Context, s *Stand, b *rows.Bench) (rows.Record, error) {
				found, _, err := b.FlowSetup(ctx, method.Goals{Max: 1e6, Precision: 0.05, Final: s.Options.Window / 2})
				return setUpRecord(found), err
			}),
		},
	}
}

func setUpRecord(found []method.Found) rows.Record {
	if found == nil {
		found = []method.Found{{}, {Loss: 0.005}}
	}
	return rows.RecordFound("new flows", "flows/s", found)
}
