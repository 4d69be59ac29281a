// Package rival starts the switches that are measured beside each other: Culvert and Open vSwitch, each with
// AF_XDP ports to the hosts of a lab and all it does on contest.SwitchCPU.
//
// Thread-safety: one goroutine at a time.
package rival

import (
	"context"
	"fmt"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
)

// A Switch is one that can be measured.
type Switch interface {
	Name() string
	// Missing says why it cannot run here.
	Missing() error
	// Start starts it between the lab's hosts with the given rules, host i being port i+1, with its files in
	// dir, which it makes.
	Start(ctx context.Context, l *lab.Lab, rules []string, dir string) (Running, error)
}

// Running is a switch that forwards packets.
type Running interface {
	PID() int
	Version() string
	// Config says, in lines, how it was configured.
	Config() []string
	// Cached says in its own words how many flows are cached, and how many masks packets are looked up under.
	Cached(ctx context.Context) string
	// Flows returns how many flows are cached.
	Flows(ctx context.Context) (int, error)
	// Modify changes the actions of the rules that an ovs-ofctl(8) mod-flows line names, and returns when the
	// switch says that it has.
	Modify(ctx context.Context, line string) error
	Stop() error
}

// Choose returns those of the two that are asked for by name, both for "", with contest.ErrCannot if one
// cannot run here.
func Choose(name string, culvert *Culvert, ovs *OVS) ([]Switch, error) {
	var all []Switch
	switch name {
	case "":
		all = []Switch{culvert, ovs}
	case culvert.Name():
		all = []Switch{culvert}
	case ovs.Name():
		all = []Switch{ovs}
	default:
		return nil, fmt.Errorf("switch %q: want %s or %s", name, culvert.Name(), ovs.Name())
	}
	for _, s := range all {
		if err := s.Missing(); err != nil {
			return nil, fmt.Errorf("%w: %w", contest.ErrCannot, err)
		}
	}
	return all, nil
}
