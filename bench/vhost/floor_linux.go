package main

import (
	"context"
	"path/filepath"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/testpmd"
)

// floor is testpmd that forwards between two vhost ports: the least that a switch can do.
type floor struct{}

func (floor) name() string   { return "testpmd" }
func (floor) missing() error { return testpmd.Missing() }

type runningFloor struct{ *testpmd.Testpmd }

func (floor) start(ctx context.Context, p place) (running, error) {
	var ports []testpmd.Port
	for _, s := range p.sockets {
		ports = append(ports, testpmd.Backend{Socket: s, Client: true})
	}
	t, err := testpmd.Start(ctx, testpmd.Options{
		Name: filepath.Base(p.dir), Ports: ports, Mode: "io", CPU: contest.SwitchCPU, Main: contest.HostCPU, Spawn: p.spawn,
		Cycles: true,
	})
	if err != nil {
		return nil, err
	}
	return runningFloor{t}, nil
}

func (r runningFloor) version() string { return r.Version() }
func (r runningFloor) pid() int        { return r.PID() }

func (r runningFloor) forward(ctx context.Context, rules []string) error     { return r.Forward(ctx) }
func (r runningFloor) clear(ctx context.Context) error                       { return r.ClearCycles(ctx) }
func (r runningFloor) account(context.Context, row) (string, float64, error) { return "none", 1, nil }
func (r runningFloor) stop() error                                           { return r.Stop() }

// cycles leaves out, as Culvert's and Open vSwitch's counts do, what looks at empty rings cost.
func (r runningFloor) cycles(ctx context.Context) float64 {
	c, err := r.CyclesPerPacket(ctx)
	if err != nil {
		return 0
	}
	return c
}

func (runningFloor) stages(context.Context) []stage { return nil }
