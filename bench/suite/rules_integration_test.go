//go:build integration

package suite

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/switches"
	"github.com/culvertdev/culvert/bench/testpmd"
)

// The generator has the CPU on which Open vSwitch takes rules. One by one, many of them take a minute and more there.
func TestOpenVSwitchTakesManyRulesWhileTheGeneratorSends(t *testing.T) {
	b := short(t)
	sw := switches.OVSDPDK{}
	if err := sw.Missing(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "culvert-rules-") // t.TempDir's names are too long for sockets
	must(t, err)
	defer func() { must(t, os.RemoveAll(dir)) }()
	s, done, err := b.stand(Cell{rowOf(t, "rules-16384"), "packed", 64}, sw, dir, b.space)
	must(t, err)
	defer func() { must(t, done()) }()
	s.Switch, err = sw.Start(t.Context(), s.Scene)
	must(t, err)
	defer func() { must(t, s.Switch.Stop()) }()
	g, err := s.testpmd(t.Context(), testpmd.Options{Mode: "flowgen", Flows: ruledFlows, Length: s.Size})
	must(t, err)
	defer func() { must(t, g.Close()) }()
	must(t, g.Forward(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second) // for all of it
	defer cancel()
	for _, rules := range [][]string{s.Row.Rules, {"actions=drop"}, s.Row.Rules} {
		begun := time.Now()
		must(t, s.Switch.Forward(ctx, rules))
		t.Logf("%d rules in %v", len(rules), time.Since(begun))
	}
	must(t, arrivals(ctx, g.Testpmd))
	begun := time.Now()
	must(t, s.settle(t.Context()))
	must(t, s.Switch.Clear(t.Context()))
	must(t, pause(t.Context(), settleLook))
	var f Found
	_, err = f.account(t.Context(), s)
	must(t, err)
	t.Logf("after %v: %s", time.Since(begun), f.LookUps)
}
