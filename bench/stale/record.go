package main

import (
	"fmt"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
)

// What is taken of each start of a switch.
const (
	measureStale = "last packet by the old rule"
	measureCall  = "change returned"
)

// run is what of a run is known before it begins.
func (o options) run(versions map[string]string, commands ...string) result.Run {
	return result.Run{
		Program: "stale", Title: "From the change of a rule to the last packet by the old one",
		Machine: machine.TakeFingerprint(), Versions: versions, Commands: commands,
		Setup: result.Setup{
			Deployment: "three hosts in network namespaces on veth pairs: one sends, the rule says which of the others receives",
			Generator:  fmt.Sprintf("a packet socket, %d packets a second, flows in turn", o.rate),
			Ports:      []string{"3 AF_XDP ports on veth"},
			Threads:    []result.Thread{{Name: "hosts", CPU: contest.HostCPU}, {Name: "the switch, all of it", CPU: contest.SwitchCPU}},
			Windows:    "one change each, of a switch that was started for it",
			Repetition: fmt.Sprintf("%d rounds in the order A B B A", o.rounds),
		},
	}
}

// rowName says what is changed.
func (o options) rowName() string { return fmt.Sprintf("a rule that %d cached flows follow", o.flows) }

// row is the one row of the results, with one contender in one version.
func (o options) row(s sample) result.Row {
	return result.Row{
		Name:    o.rowName(),
		Traffic: result.Traffic{Task: "change a rule", Protocol: "IPv4, UDP", Flows: o.flows, Directions: 1, Ports: "AF_XDP on veth", Rules: rules()},
		Measures: []result.Measure{
			{Name: measureStale, Unit: "ns", Better: result.Less}, {Name: measureCall, Unit: "ns", Better: result.Less},
		},
		Contenders: []result.Contender{{Name: s.name, Version: s.version, Config: s.config}},
	}
}

// window is a sample as it is kept.
func (s sample) window(round, turn int) result.Window {
	return result.Window{
		Contender: s.name, Round: round, Turn: turn, Note: s.cached,
		Figures: map[string]float64{measureStale: float64(s.stale), measureCall: float64(s.call)},
	}
}
