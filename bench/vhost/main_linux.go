// Command vhost compares Culvert with Open vSwitch's DPDK build and with testpmd on vhost-user ports: the same
// generator, the same CPUs, in turn. Every switch has one forwarding thread, on CPU 1, between two ports; the
// generator is testpmd's flowgen on two virtio-user ports and CPU 0, both ways at once.
//
//	go run ./bench/vhost --culvert bin/culvert --rounds 1
//
// Which result means what is in bench/README.md. It needs root, hugepages, and the packages dpdk-dev and
// openvswitch-switch-dpdk; without one of them it says so and exits with 3.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/report"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/pmd/cpu"
)

type options struct {
	culvert, ports, extra          string // Culvert's
	json, rings, sizes, rows, only string
	rounds, buffers, rate          int
	window, warm, patience         time.Duration
	perf                           bool
}

func main() {
	var o options
	flag.StringVar(&o.culvert, "culvert", "bin/culvert", "the culvert `binary`")
	flag.StringVar(&o.rings, "rings", "split,packed", "`layouts` of the rings")
	flag.StringVar(&o.sizes, "sizes", "64,512,1518", "`bytes` of a packet with the frame check sequence, which it does not have here")
	flag.StringVar(&o.rows, "rows", "", "`numbers` of the rows: 0 no look-up, 1 rule on the port alone, 2 and 3 exact match with 1 and 1024 flows, 4 latency, 5 new flows, 6 one way, 7 and 8 into and out of VXLAN, 9 and 10 GENEVE; 0 to 4 when empty")
	flag.StringVar(&o.only, "only", "", "run only one contender: `name`")
	flag.IntVar(&o.rounds, "rounds", 1, "rounds of A, B, B, A for each row")
	flag.IntVar(&o.buffers, "buffers", 0, "packet `buffers` of the generator; 0: testpmd's many, which keep its caches cold; 16384 keep them warm")
	flag.IntVar(&o.rate, "rate", 10_000, "single `packets` a second in the row about latency")
	flag.DurationVar(&o.window, "window", 3*time.Second, "`time` of each measurement")
	flag.DurationVar(&o.warm, "warm", 6*time.Second, "`time` of traffic before it")
	flag.DurationVar(&o.patience, "patience", time.Minute, "`time` to wait before each window until others leave the CPUs alone; 0 takes every window as it is")
	flag.BoolVar(&o.perf, "perf", false, "say for each window where the switch's time goes, by perf, of programs with symbols: go build's, not make's")
	flag.StringVar(&o.json, "json", "", "keep all windows in a `file`, for culvert bench report and compare, and go on where an earlier run with it ended")
	flag.StringVar(&o.ports, "options", "", "options of Culvert's ports, such as `gather: 0s`")
	flag.StringVar(&o.extra, "config", "", "`lines` for Culvert's configuration")
	patch := flag.String("patch", "", "nothing but pass packets on between two `sockets`, with a comma between them; the row without look-up starts this")
	flag.Parse()
	contest.Main("vhost", func(ctx context.Context) error {
		if *patch != "" {
			return runPatch(ctx, *patch)
		}
		return compare(ctx, o)
	})
}

// compare runs the contenders of each cell in turn and prints what came out.
func compare(ctx context.Context, o options) (err error) {
	cells, err := plan(o.rings, o.sizes, o.rows)
	if err != nil {
		return err
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.possible(cells); err != nil {
		return err
	}
	pages, err := machine.BorrowHugepages(hugepages)
	if err != nil {
		return fmt.Errorf("%w: %w", contest.ErrCannot, err)
	}
	defer func() { err = errors.Join(err, pages.Give()) }()
	book, err := result.Open(o.json, o.run(machine.Versions(ctx), result.CommandLine("go run ./bench/vhost", os.Args[1:])))
	if err != nil {
		return err
	}
	fmt.Printf("%s\nswitch on CPU %d, generator on CPU %d\n\n", machine.Describe(), contest.SwitchCPU, contest.HostCPU)
	if err := b.windows(ctx, book, cells); err != nil {
		return err
	}
	return report.Text(os.Stdout, &book.Run)
}

// windows measures all windows of the cells that the book does not have yet.
func (b *bench) windows(ctx context.Context, book *result.Book, cells []cell) error {
	total := 0
	for _, at := range cells {
		total += b.rounds * len(contest.Turns(b.contenders(at.row())))
	}
	p := report.NewProgress(os.Stdout, total)
	defer p.Close()
	for round := range b.rounds {
		for _, at := range cells {
			if err := b.cell(ctx, book, p, at, round+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// hugepages are for generator and switch, with what DPDK takes beyond what it is told to, in bytes.
const hugepages = 1280 << 20

// newBench makes the namespace where all runs, which may use all CPUs; this process keeps to the generator's.
func newBench(o options) (*bench, error) {
	all, err := cpu.Affinity()
	if err != nil {
		return nil, err
	}
	if !all.Has(contest.HostCPU) || !all.Has(contest.SwitchCPU) {
		return nil, fmt.Errorf("%w: want CPUs %d and %d, found %s", contest.ErrCannot, contest.HostCPU, contest.SwitchCPU, all)
	}
	// Said aloud, the number stays when this process keeps to one CPU: machine.Apart spins on two.
	runtime.GOMAXPROCS(max(2, runtime.NumCPU()))
	ns, err := lab.NewNamespace("bench")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", contest.ErrCannot, err)
	}
	if err := errors.Join(cpu.Confine(cpu.SetOf(contest.HostCPU)), ns.Allow(all)); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return &bench{options: o, hosts: ns, all: all}, nil
}

// close undoes newBench.
func (b *bench) close() error { return errors.Join(cpu.Confine(b.all), b.hosts.Close()) }

// cell runs the contenders of a cell in turn, but for what the book has already.
func (b *bench) cell(ctx context.Context, book *result.Book, p *report.Progress, at cell, round int) error {
	for turn, c := range contest.Turns(b.contenders(at.row())) {
		if book.Has(at.String(), c.name(), round, turn) {
			p.Skip()
			continue
		}
		p.Begin(fmt.Sprintf("%s: %s, round %d", at, c.name(), round))
		s, err := b.run(ctx, c, at)
		if err != nil {
			return fmt.Errorf("%s, %s, round %d: %w", at, c.name(), round, err)
		}
		s.Round, s.Turn = round, turn
		s.print(p)
		p.Done()
		if err := book.Add(b.result(at, s), s.result(cpu.NewClock().Frequency())); err != nil {
			return err
		}
	}
	return nil
}

// contenders returns who is measured in a row, the one that the ratio is of first.
func (b *bench) contenders(r row) (list []contender) {
	all := []contender{&culvert{b.culvert, b.ports, b.extra, b.hosts, r}, openvswitch{r}}
	if r.rules == nil {
		all = []contender{culvertPatch{}, floor{}}
	}
	for _, c := range all {
		if b.only == "" || b.only == c.name() {
			list = append(list, c)
		}
	}
	return list
}

// possible says what is missing, with contest.ErrCannot; nil if nothing.
func (b *bench) possible(cells []cell) error {
	if b.perf {
		if _, err := exec.LookPath("perf"); err != nil {
			return fmt.Errorf("%w: %w (package linux-perf)", contest.ErrCannot, err)
		}
	}
	for _, at := range cells {
		for _, c := range b.contenders(at.row()) {
			if err := c.missing(); err != nil {
				return fmt.Errorf("%w: %w", contest.ErrCannot, err)
			}
		}
	}
	return nil
}
