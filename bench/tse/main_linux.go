// Command tse attacks switches with a tuple space explosion and measures what is left for others: headers
// crafted so that an access list of "allow these, deny the rest" makes a megaflow mask for nearly each of them
// (Csikor et al., CoNEXT 2019; CVE-2019-25076).
//
//	go run ./bench/tse --culvert bin/culvert
//
//	attacker, victim "behind" ── veth ── port 1 ─┐           ┌─ port 3 ── receives from "beside"
//	victim "beside"           ── veth ── port 2 ─┴─ switch ──┴─ port 4 ── receives from "behind"
//
// The victim beside has a port of its own; the one behind comes in through the attacker's, as through an uplink. Both
// keep sending established flows and, in between, first packets of new ones. What they get through is
// measured without an attack and at each rate of it.
//
// Both switches have CPU 1 for everything, translation of new flows included; hosts have CPU 0. Switches run in
// turn, Culvert, OVS, OVS, Culvert, and figures are medians. With --new-flows it measures something else: how many
// new flows a second get through when nothing but new flows comes.
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
	"strconv"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

type options struct {
	culvert, only, rates, extra, json string
	rounds, victim                    int
	window, warm                      time.Duration
	newFlows                          bool
}

func main() {
	var o options
	flag.StringVar(&o.culvert, "culvert", "bin/culvert", "the culvert `binary`")
	flag.StringVar(&o.only, "only", "", "run only `culvert` or ovs-afxdp")
	flag.StringVar(&o.rates, "attack", "1000,10000,100000", "`rates` of the attack in packets a second")
	flag.StringVar(&o.extra, "config", "", "lines for Culvert's configuration, such as `slow-path: {new-flows: 20000}`")
	flag.IntVar(&o.rounds, "rounds", 1, "rounds of Culvert, OVS, OVS, Culvert")
	flag.IntVar(&o.victim, "victim", 100000, "`packets` a second that each victim sends")
	flag.DurationVar(&o.window, "window", 4*time.Second, "`time` of each measurement")
	flag.DurationVar(&o.warm, "warm", 3*time.Second, "`time` of traffic, attack included, before each")
	flag.BoolVar(&o.newFlows, "new-flows", false, "measure new flows a second instead")
	flag.StringVar(&o.json, "json", "", "keep what was measured in a `file`, for culvert bench report and compare, and go on where an earlier run with it ended")
	flag.Parse()
	contest.Main("tse", func(ctx context.Context) error { return compare(ctx, o) })
}

// compare runs the switches in turn and prints what came out.
func compare(ctx context.Context, o options) error {
	if err := contest.Possible(); err != nil {
		return err
	}
	phases, err := o.phases()
	if err != nil {
		return err
	}
	contenders, err := switches.Choose(o.only, &switches.Culvert{Binary: o.culvert, Config: o.extra}, switches.OVSAFXDP{})
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(max(4, runtime.NumCPU())) // several senders on one CPU
	book, err := result.Open(o.json, o.run(machine.Versions(ctx), result.CommandLine("go run ./bench/tse", os.Args[1:])))
	if err != nil {
		return err
	}
	r := report{phases: phases}
	fmt.Printf("switch on CPU %d, hosts on CPU %d; %s\n", contest.SwitchCPU, contest.HostCPU, runtime.Version())
	for round := range o.rounds {
		for turn, c := range contest.Turns(contenders) {
			if has(book, phases, c.Name(), round+1, turn) {
				continue
			}
			s, err := run(ctx, o, c, phases)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Name(), err)
			}
			r.samples = append(r.samples, s)
			s.print(os.Stdout)
			if err := s.add(book, o, phases, round+1, turn); err != nil {
				return err
			}
		}
	}
	if len(r.samples) > 0 {
		r.print(os.Stdout)
	}
	return nil
}

// phases returns what is measured in turn: first the clean rate.
func (o *options) phases() ([]phase, error) {
	if o.newFlows {
		return []phase{{flood: true}}, nil
	}
	list := []phase{{}}
	for text := range strings.SplitSeq(o.rates, ",") {
		rate, err := strconv.Atoi(text)
		if err != nil || rate < 1 {
			return nil, fmt.Errorf("--attack %q: want rates such as 1000,10000", o.rates)
		}
		list = append(list, phase{attack: rate})
	}
	return list, nil
}
