package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/culvertdev/culvert/bench/rows"
	"github.com/culvertdev/culvert/bench/switches"
)

// disturbedLoad is what a switch forwards while something is done to it, in packets a second: a small share of what each
// does without loss.
const disturbedLoad = 50_000

// againTime is for how long there is load while a switch starts again, and as long before with nothing done to it.
const againTime = 7 * time.Second

// reset ends a switch as a crash would, and starts it again (RFC 6201 section 4.3.2).
func reset(ctx context.Context, s switches.Running) error {
	if r, ok := s.(switches.Resetter); ok {
		return r.Reset(ctx)
	}
	return errors.New("this switch cannot be reset")
}

// again has a switch start again, by which it counts from 0.
func (s *Stand) again(do func(context.Context, switches.Running) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := do(ctx, s.Switch); err != nil {
			return err
		}
		return s.Switch.Clear(ctx)
	}
}

// disturbedRows are about what a switch's users notice when it is restarted or told new rules.
func disturbedRows() []Row {
	row := func(id, name string, takes time.Duration, measure func(context.Context, *Stand, *rows.Bench) (rows.Record, error)) Row {
		return Row{
			ID: id, Name: name, Contenders: both, Rules: oneWayByAddress, Traffic: pacedTraffic(pacedFlows), Takes: takes,
			Measures: rows.Disturbed{}.Record(name).Measures, Drive: paced(pacedSpec(), measure),
		}
	}
	again := func(id, name string, do func(context.Context, switches.Running) error) Row {
		r := row(id, name, 2*againTime, func(ctx context.Context, s *Stand, b *rows.Bench) (rows.Record, error) {
			v, err := b.Disturb(ctx, disturbedLoad, againTime, rows.Disturbance{Do: s.again(do), After: time.Second})
			return v.Record(name), err
		})
		r.Once = true
		return r
	}
	return []Row{
		again("restart", "restart under load", func(ctx context.Context, s switches.Running) error { return s.Restart(ctx) }),
		again("reset", "reset under load", reset),
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
