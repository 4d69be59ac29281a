//go:build integration

package main

import (
	"os"
	"testing"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/switches"
)

// program is Culvert, built for the tests of this package.
var program string

func TestMain(m *testing.M) {
	os.Exit(daemon.WithProgram(func(built string) int {
		program = built
		return m.Run()
	}))
}

// Both switches have three ports, cache a flow for each pair of ports of a packet, and send all by another port when the rule has changed.
func TestAChangeReachesAllFlowsOfEverySwitch(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	if err := contest.Possible(); err != nil {
		t.Skip(err)
	}
	o := options{flows: 200, rate: 5000}
	for _, sw := range []switches.Switch{&switches.Culvert{Binary: program}, switches.OVSAFXDP{}} {
		t.Run(sw.Name(), func(t *testing.T) {
			if err := sw.Missing(); err != nil {
				t.Skip(err)
			}
			s, err := run(t.Context(), o, sw)
			if err != nil || s.call <= 0 || s.cached == "unknown" {
				t.Errorf("got %+v, %v; want a change that all flows follow", s, err)
			}
		})
	}
}
