// Command afxdp compares Culvert with Open vSwitch's AF_XDP ports on this machine: the same namespaces
// and veth pairs, the same CPUs, in turn. It measures TCP in bulk and packets a second at 64 bytes (60
// and the frame check sequence that veth does not have), and where the time of the switch's thread goes.
//
//	go run ./bench/afxdp --culvert bin/culvert --rounds 3
//
// Which result means what is in bench/README.md. It needs root and the package openvswitch-switch;
// without one of them it says so and exits with 3.
//
// Both switches get one thread on CPU 1 and a learning bridge; everything else, senders and receivers
// among it, runs on CPU 0. Open vSwitch does not complete checksums that a veth sender leaves out, so the
// hosts compute them when it runs, as its documentation asks; for Culvert nothing is changed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/report"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/pmd/cpu"
)

func main() {
	var o options
	flag.StringVar(&o.culvert, "culvert", "bin/culvert", "the culvert `binary`")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of Culvert, OVS, OVS, Culvert")
	flag.DurationVar(&o.window, "window", 4*time.Second, "`time` of each measurement")
	flag.DurationVar(&o.warm, "warm", 4*time.Second, "`time` of traffic before the first measurement of a window")
	flag.DurationVar(&o.patience, "patience", time.Minute, "`time` to wait before each window until others leave the CPUs alone; 0 takes every window as it is")
	flag.StringVar(&o.json, "json", "", "keep all windows in a `file`, for culvert bench report and compare, and go on where an earlier run with it ended")
	flag.StringVar(&o.only, "only", "", "run only `culvert` or ovs")
	flag.StringVar(&o.options, "options", "", "options of Culvert's ports, such as `busy-poll=20us,ring-size=4096`")
	flag.BoolVar(&o.vxlan, "vxlan", false, "TCP through a VXLAN that the switch puts it into, to a host whose kernel is the other end")
	flag.StringVar(&o.workers, "latency", "", "Culvert's workers.latency, a `time` or spin")
	flag.Parse()
	contest.Main("afxdp", func(ctx context.Context) error { return compare(ctx, o) })
}

type options struct {
	culvert, json, only, options, workers string
	rounds                                int
	vxlan                                 bool
	window, warm, patience                time.Duration
}

// compare runs the contenders in turn and prints what came out.
func compare(ctx context.Context, o options) error {
	if err := contest.Possible(); err != nil {
		return err
	}
	all, err := cpu.Affinity()
	if err != nil {
		return err
	}
	// Said aloud, the number stays when this process keeps to one CPU: machine.Apart spins on two.
	runtime.GOMAXPROCS(max(2, runtime.NumCPU()))
	contenders, err := o.contenders()
	if err != nil {
		return err
	}
	book, err := result.Open(o.json, o.run(machine.Versions(ctx), result.CommandLine("go run ./bench/afxdp", os.Args[1:])))
	if err != nil {
		return err
	}
	fmt.Printf("%s\nswitch on CPU %d, hosts on CPU %d; namespaces on veth pairs, MTU 1500\n\n", machine.Describe(), contest.SwitchCPU, contest.HostCPU)
	b := &bench{options: o, all: all}
	if err := b.windows(ctx, book, contenders); err != nil {
		return err
	}
	return report.Text(os.Stdout, &book.Run)
}

// windows measures all windows that the book does not have yet.
func (b *bench) windows(ctx context.Context, book *result.Book, contenders []contender) error {
	all := b.subjects()
	p := report.NewProgress(os.Stdout, b.rounds*len(contest.Turns(contenders)))
	defer p.Close()
	for round := range b.rounds {
		for turn, c := range contest.Turns(contenders) {
			if book.Has(all[len(all)-1].name, c.name(), round+1, turn) {
				p.Skip()
				continue
			}
			p.Begin(fmt.Sprintf("%s, round %d", c.name(), round+1))
			s, err := b.run(ctx, c)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", c.name(), round+1, err)
			}
			s.Round, s.Turn = round+1, turn
			s.print(p)
			p.Done()
			for _, sub := range all {
				if err := book.Add(b.row(sub, s), s.window(sub)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (o options) contenders() ([]contender, error) {
	c := &culvert{binary: o.culvert, portOptions: o.options, latency: o.workers, vxlan: o.vxlan}
	v := &openVSwitch{vxlan: o.vxlan}
	switch o.only {
	case "culvert":
		return []contender{c}, c.missing()
	case "ovs":
		return []contender{v}, v.missing()
	case "":
		return []contender{c, v}, errors.Join(c.missing(), v.missing())
	}
	return nil, fmt.Errorf("--only %q: want culvert or ovs", o.only)
}
