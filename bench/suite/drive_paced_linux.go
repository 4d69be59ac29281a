package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/rows"
)

// pacedFlows are the flows of rows that are driven by our own generator, where nothing else is said.
const pacedFlows = 1024

// paced drives a switch by our own generator, one way, and has one of its rows measured, when it has been seen that it is the
// row's rules that move packets.
func paced(spec stream.Spec, measure func(ctx context.Context, s *Stand, b *rows.Bench) (rows.Record, error)) Drive {
	return func(ctx context.Context, s *Stand) (f Found, err error) {
		g, err := s.Generator(ctx)
		if err != nil {
			return f, err
		}
		defer func() { err = errors.Join(err, g.Close()) }()
		frames := spec
		if s.Size > 0 {
			frames.Size = fmt.Sprint(s.Size)
		}
		b := &rows.Bench{
			Generator: g, From: "a", To: "b", Spec: frames, CPUs: []int{s.Scene.Main}, Ceiling: s.Ceiling,
			Probe: func() float64 { return float64(machine.Apart(contest.HostCPU, contest.SwitchCPU)) },
		}
		if pid := s.Switch.PID(); pid > 0 {
			b.Taken = takenFrom(pid)
		}
		if len(s.Scene.Ports) > 2 {
			b.Third = "c"
		}
		if err := s.effectOf(ctx, b); err != nil {
			return f, err
		}
		if err := s.Switch.Clear(ctx); err != nil {
			return f, err
		}
		r, err := measure(ctx, s, b)
		if err != nil {
			return f, err
		}
		_, err = f.account(ctx, s)
		f.Figures, f.Latency, f.Load, f.Probes = r.Window.Figures, r.Window.Latency, r.Window.Load, r.Window.Distance
		f.Limited, f.Exact = r.Window.Limited, r.Window.Exact
		if r.Window.Note != "" {
			f.LookUps += "; " + r.Window.Note
		}
		return f, err
	}
}

// takenFrom watches the thread of a switch that runs most, which is the one that forwards.
func takenFrom(pid int) method.Taken {
	return func() (done func() (time.Duration, error), err error) {
		before, err := machine.Threads(pid)
		return func() (time.Duration, error) {
			after, err := machine.Threads(pid)
			return machine.Busiest(before, after).Waited, err
		}, err
	}
}

// Traffic by which it is seen that packets move.
const (
	effectRate = 1000.0 // packets a second
	effectTime = 200 * time.Millisecond
)

// effectOf sees to it that it is the rules that move packets: none arrive while all are to be dropped, and all do as soon as
// the row's rules are there. Then it keeps the switch busy for a while.
func (s *Stand) effectOf(ctx context.Context, b *rows.Bench) error {
	forward, trial := s.forward(ctx), b.Trial()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second+s.Options.Warm)
	defer cancel()
	if s.obeys() {
		if err := forward("actions=drop"); err != nil {
			return err
		}
		for { // packets that were under way may arrive
			t, err := trial(ctx, effectRate, effectTime)
			if err != nil {
				return fmt.Errorf("see that all is dropped: %w", err)
			}
			if t.Lost == t.Offered {
				break
			}
		}
	}
	if err := forward(s.Row.Rules...); err != nil {
		return err
	}
	for {
		t, err := trial(ctx, effectRate, effectTime)
		if err != nil {
			return fmt.Errorf("see that packets arrive: %w", err)
		}
		if t.Lost == 0 {
			break
		}
	}
	_, err := trial(ctx, 10*effectRate, max(s.Options.Warm, effectTime))
	return err
}
