// Command stale measures how long a change of one rule takes to reach all the cached flows that it covers: from
// the moment it is asked for until the last packet that is handled by the old rule.
//
//	go run ./bench/stale --culvert bin/culvert
//
//	host 1 ── veth ── port 1 ── switch ──┬── port 2 ── host 2, by the old rule
//	                                     └── port 3 ── host 3, by the new one
//
// Host 1 keeps sending packets of all flows in turn. Each is cached as a flow of its own, since the rules read both
// of its ports. Both switches have CPU 1 for everything and hosts have CPU 0; they run in turn, Culvert, OVS, OVS,
// Culvert, and figures are medians.
//
// It needs root and the package openvswitch-switch or openvswitch-switch-dpdk; without one of them it says so and
// exits with 3.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/report"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

type options struct {
	culvert, only, json string
	rounds, flows, rate int
}

// idle is how long a switch keeps a flow that is not used: longer than host 1 takes for a turn of all of them.
const idle = time.Minute

func main() {
	var o options
	flag.StringVar(&o.culvert, "culvert", "bin/culvert", "the culvert `binary`")
	flag.StringVar(&o.only, "only", "", "run only `culvert` or ovs-afxdp")
	flag.IntVar(&o.rounds, "rounds", 2, "rounds of Culvert, OVS, OVS, Culvert")
	flag.IntVar(&o.flows, "flows", 100_000, "how many `flows` the rule covers")
	flag.IntVar(&o.rate, "rate", 50_000, "`packets` a second")
	flag.StringVar(&o.json, "json", "", "keep what was measured in a `file`, for culvert bench report and compare, and go on where an earlier run with it ended")
	flag.Parse()
	contest.Main("stale", func(ctx context.Context) error { return compare(ctx, o) })
}

// compare runs the switches in turn and prints what came out.
func compare(ctx context.Context, o options) error {
	if err := contest.Possible(); err != nil {
		return err
	}
	contenders, err := switches.Choose(o.only,
		&switches.Culvert{Binary: o.culvert, Config: fmt.Sprintf("caches: {flows: %d, max-idle: %s}", 2*o.flows, idle)},
		switches.OVSAFXDP{Config: []string{fmt.Sprintf("max-idle=%d", idle.Milliseconds()), fmt.Sprintf("flow-limit=%d", 2*o.flows), "min-revalidate-pps=0"}})
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(max(4, runtime.NumCPU())) // a sender and a watcher on one CPU
	fmt.Printf("switch on CPU %d, hosts on CPU %d; %s\n", contest.SwitchCPU, contest.HostCPU, runtime.Version())
	book, err := result.Open(o.json, o.run(machine.Versions(ctx), result.CommandLine("go run ./bench/stale", os.Args[1:])))
	if err != nil {
		return err
	}
	if err := o.windows(ctx, book, contenders); err != nil {
		return err
	}
	return report.Text(os.Stdout, &book.Run)
}

// windows measures what the book does not have yet.
func (o options) windows(ctx context.Context, book *result.Book, contenders []switches.Switch) error {
	p := report.NewProgress(os.Stdout, o.rounds*len(contest.Turns(contenders)))
	defer p.Close()
	for round := range o.rounds {
		for turn, sw := range contest.Turns(contenders) {
			if book.Has(o.rowName(), sw.Name(), round+1, turn) {
				p.Skip()
				continue
			}
			p.Begin(fmt.Sprintf("%s, round %d", sw.Name(), round+1))
			s, err := run(ctx, o, sw)
			if err != nil {
				return fmt.Errorf("%s: %w", sw.Name(), err)
			}
			fmt.Fprintln(p, s)
			p.Done()
			if err := book.Add(o.row(s), s.window(round+1, turn)); err != nil {
				return err
			}
		}
	}
	return nil
}
