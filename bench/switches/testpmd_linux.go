package switches

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/culvertdev/culvert/bench/testpmd"
)

// Testpmd forwards between two vhost ports without any look-up: the least that a switch can do.
type Testpmd struct{}

func (Testpmd) Name() string   { return "testpmd" }
func (Testpmd) Missing() error { return testpmd.Missing() }

type runningTestpmd struct {
	*testpmd.Testpmd
	options testpmd.Options
}

func (Testpmd) Start(ctx context.Context, s Scene) (Running, error) {
	o := testpmd.Options{Name: filepath.Base(s.Dir), Mode: "io", CPU: s.CPU, Main: s.Main, Spawn: s.start, Cycles: true}
	for _, p := range s.Ports {
		if p.Socket == "" {
			return nil, errors.New("testpmd has vhost-user ports alone here")
		}
		o.Ports = append(o.Ports, testpmd.Backend{Socket: p.Socket, Client: true})
	}
	r := &runningTestpmd{options: o}
	var err error
	r.Testpmd, err = testpmd.Start(ctx, o)
	return r, err
}

func (*runningTestpmd) Config() []string { return []string{"--forward-mode=io"} }

// Forward begins to forward, whatever the rules: whoever measures sees that it does not keep to them.
func (r *runningTestpmd) Forward(ctx context.Context, _ []string) error {
	return r.Testpmd.Forward(ctx)
}
func (r *runningTestpmd) Clear(ctx context.Context) error { return r.ClearCycles(ctx) }

// Account's cycles leave out, as Culvert's and Open vSwitch's counts do, what looks at empty rings cost.
func (r *runningTestpmd) Account(ctx context.Context) (a Account, err error) {
	a.Text = "none"
	a.Cycles, err = r.CyclesPerPacket(ctx)
	return a, err
}

func (r *runningTestpmd) Restart(ctx context.Context) (err error) {
	if err = r.Stop(); err != nil {
		return err
	}
	if r.Testpmd, err = testpmd.Start(ctx, r.options); err != nil {
		return err
	}
	return r.Testpmd.Forward(ctx)
}
