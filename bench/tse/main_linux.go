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
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// The CPUs of the two sides.
const (
	hostCPU   = 0
	switchCPU = 1
)

const exitCannot = 3

// errCannot means that this machine lacks something.
var errCannot = errors.New("this machine cannot compare them")

type options struct {
	culvert, only, rates, extra string
	rounds, victim              int
	window, warm                time.Duration
	newFlows                    bool
}

func main() {
	var o options
	flag.StringVar(&o.culvert, "culvert", "bin/culvert", "the culvert `binary`")
	flag.StringVar(&o.only, "only", "", "run only `culvert` or ovs")
	flag.StringVar(&o.rates, "attack", "1000,10000,100000", "`rates` of the attack in packets a second")
	flag.StringVar(&o.extra, "config", "", "lines for Culvert's configuration, such as `slow-path: {new-flows: 20000}`")
	flag.IntVar(&o.rounds, "rounds", 1, "rounds of Culvert, OVS, OVS, Culvert")
	flag.IntVar(&o.victim, "victim", 100000, "`packets` a second that each victim sends")
	flag.DurationVar(&o.window, "window", 4*time.Second, "`time` of each measurement")
	flag.DurationVar(&o.warm, "warm", 3*time.Second, "`time` of traffic, attack included, before each")
	flag.BoolVar(&o.newFlows, "new-flows", false, "measure new flows a second instead")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := compare(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "tse:", err)
		if errors.Is(err, errCannot) {
			os.Exit(exitCannot)
		}
		os.Exit(1)
	}
}

// compare runs the contenders in turn and prints what came out.
func compare(ctx context.Context, o options) error {
	if lacks := lab.Missing(); len(lacks) > 0 {
		return fmt.Errorf("%w: missing %v", errCannot, lacks)
	}
	all, err := cpu.Affinity()
	if err != nil {
		return err
	}
	if !all.Has(hostCPU) || !all.Has(switchCPU) {
		return fmt.Errorf("%w: want CPUs %d and %d, found %s", errCannot, hostCPU, switchCPU, all)
	}
	phases, err := o.phases()
	if err != nil {
		return err
	}
	contenders, err := o.contenders()
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(max(4, runtime.NumCPU())) // several senders on one CPU
	r := report{phases: phases}
	fmt.Printf("switch on CPU %d, hosts on CPU %d; %s\n", switchCPU, hostCPU, runtime.Version())
	for range o.rounds {
		for _, c := range turns(contenders) {
			s, err := run(ctx, o, c, phases)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name(), err)
			}
			r.samples = append(r.samples, s)
			s.print(os.Stdout)
		}
	}
	r.print(os.Stdout)
	return nil
}

func (o *options) contenders() ([]contender, error) {
	c, v := &culvert{binary: o.culvert, extra: o.extra}, newOVS()
	var all []contender
	switch o.only {
	case "":
		all = []contender{c, v}
	case "culvert":
		all = []contender{c}
	case "ovs":
		all = []contender{v}
	default:
		return nil, fmt.Errorf("--only %q: want culvert or ovs", o.only)
	}
	for _, c := range all {
		if err := c.missing(); err != nil {
			return nil, fmt.Errorf("%w: %w", errCannot, err)
		}
	}
	return all, nil
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

// turns orders two contenders A B B A, so that a drift of the machine meets both alike.
func turns(c []contender) []contender {
	if len(c) == 1 {
		return c
	}
	return []contender{c[0], c[1], c[1], c[0]}
}
