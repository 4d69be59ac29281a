package suite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/culvertdev/culvert/bench/rows"
)

// disturbedLoad is what a switch forwards while something is done to it, in packets a second: a small share of what each
// does without loss.
const disturbedLoad = 50_000

// disturbedRows are about what a switch's users notice when it is restarted or told new rules.
func disturbedRows() []Row {
	row := func(id, name string, takes time.Duration, measure func(context.Context, *Stand, *rows.Bench) (rows.Record, error)) Row {
		return Row{
			ID: id, Name: name, Contenders: both, Rules: oneWayByAddress, Traffic: pacedTraffic(pacedFlows), Takes: takes,
			Measures: rows.Disturbed{}.Record(name).Measures, Drive: paced(pacedSpec(), measure),
		}
	}
	return []Row{
		row("restart", "restart under load", 24*time.Second, func(ctx context.Context, s *Stand, b *rows.Bench) (rows.Record, error) {
			restart := func(ctx context.Context) error {
				if err := s.Switch.Restart(ctx); err != nil {
					return err
				}
				return s.Switch.Clear(ctx) // it counts from 0 again
			}
			v, err := b.Disturb(ctx, disturbedLoad, 10*time.Second, rows.Disturbance{Do: restart, After: time.Second})
			return v.Record("restart under load"), err
		}),
		row("rule-changes", "rule changes under load", 8*time.Second, func(ctx context.Context, s *Stand, b *rows.Bench) (rows.Record, error) {
			n := 0
			change := func(ctx context.Context) error { // a rule more that no packet matches, each time another one
				n++
				other := fmt.Sprintf("priority=40000,ip,nw_dst=192.0.2.%d,actions=drop", n%256)
				return s.Switch.Forward(ctx, append(slices.Clone(s.Row.Rules), other))
			}
			v, err := b.Disturb(ctx, disturbedLoad, s.Options.Window, rows.Disturbance{Do: change, Every: 100 * time.Millisecond})
			return v.Record("rule changes under load"), err
		}),
	}
}
