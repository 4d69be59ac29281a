package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/report"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// Run measures what o says and prints what came out. The run as far as it came is returned with an error, too; nil if it did not begin. It is an error with
// contest.ErrCannot when this machine lacks what all rows need.
func Run(ctx context.Context, o *Options) (run *result.Run, err error) {
	cells, err := o.cells(Rows())
	if err != nil {
		return nil, err
	}
	there, missing, err := o.switches(cells)
	if err != nil {
		return nil, err
	}
	turns := o.turns(cells, there)
	o.printPlan(cells, turns, missing)
	if o.Plan {
		return nil, nil
	}
	if len(turns) == 0 {
		return nil, fmt.Errorf("%w: none of the switches is here", contest.ErrCannot)
	}
	b, err := newBench(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	versions := machine.Versions(ctx)
	versions["Culvert's build"] = machine.Build(o.Culvert)
	book, err := result.Open(o.File, o.run(versions, missing))
	if err != nil {
		return nil, err
	}
	s := schedule{o: o, book: book, turns: turns, now: time.Now}
	s.measure = func(ctx context.Context, sw switches.Switch, at Cell) (sample, error) {
		return b.window(ctx, sw, at, s.short)
	}
	p := report.NewProgress(os.Stdout, s.windows())
	s.watch = p
	err = s.run(ctx)
	p.Close()
	return &book.Run, err
}

// switches returns the switches that take part and can run here, and says of the others why not.
func (o *Options) switches(cells []Cell) (there []switches.Switch, missing []string, err error) {
	var wanted []string
	for _, c := range cells {
		wanted = append(wanted, c.Row.Contenders...)
	}
	c := switches.Culvert{Binary: o.Culvert, Ports: o.Ports, Config: o.Config}
	for _, s := range []switches.Switch{&c, &switches.Patch{Culvert: c}, switches.OVSDPDK{}, switches.OVSAFXDP{}, switches.Bridge{}, switches.Testpmd{}} {
		if !slices.Contains(wanted, s.Name()) || len(o.Only) > 0 && !slices.Contains(o.Only, s.Name()) {
			continue
		}
		if why := s.Missing(); why != nil {
			missing = append(missing, s.Name()+": "+strings.Join(strings.Fields(why.Error()), " "))
			continue
		}
		there = append(there, s)
	}
	for _, own := range o.Own {
		if slices.ContainsFunc(there, func(s switches.Switch) bool { return s.Name() == own.Name() }) {
			return nil, nil, fmt.Errorf("the user's own switch %q: there is one of that name", own.Name())
		}
		if len(o.Only) == 0 || slices.Contains(o.Only, own.Name()) {
			there = append(there, own)
		}
	}
	if o.Perf {
		if _, err := exec.LookPath("perf"); err != nil {
			return nil, nil, fmt.Errorf("%w: %w (package linux-perf)", contest.ErrCannot, err)
		}
	}
	return there, missing, nil
}

// hugepages are for generator and switch, with what DPDK takes beyond what it is told to, in bytes.
const hugepages = 1280 << 20

// A bench runs windows.
type bench struct {
	o     *Options
	space *lab.Namespace // where switches and generators with vhost-user ports run
	all   cpu.Set        // the CPUs that this process had
	pages *machine.Hugepages
}

// newBench makes the namespace where all runs, which may use all CPUs; this process keeps to the generator's.
func newBench(o *Options) (b *bench, err error) {
	if err := contest.Possible(); err != nil {
		return nil, err
	}
	b = &bench{o: o}
	if b.all, err = cpu.Affinity(); err != nil {
		return nil, err
	}
	if b.pages, err = machine.BorrowHugepages(hugepages); err != nil {
		return nil, fmt.Errorf("%w: %w", contest.ErrCannot, err)
	}
	// Said aloud, the number stays when this process keeps to one CPU: machine.Apart spins on two.
	runtime.GOMAXPROCS(max(2, runtime.NumCPU()))
	if b.space, err = lab.NewNamespace("bench"); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", contest.ErrCannot, err), b.pages.Give())
	}
	if err := errors.Join(cpu.Confine(cpu.SetOf(contest.HostCPU)), b.space.Allow(b.all)); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// close undoes newBench.
func (b *bench) close() error {
	return errors.Join(cpu.Confine(b.all), b.space.Close(), b.pages.Give())
}

// lab makes two hosts. What is started in the switch's namespace may use all CPUs, since a child has those of the thread that forks it.
func (b *bench) lab() (*lab.Lab, error) {
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"alice", "bob"} {
		if _, err := l.AddHost(name, fmt.Sprintf("p%d", i+1), lab.Link{}); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	if err := l.Switch.Allow(b.all); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// printPlan says what is going to be measured, how long that takes, and who is not here.
func (o *Options) printPlan(cells []Cell, turns []turn, missing []string) {
	fmt.Fprintf(o.Out, "%s\nswitch on CPU %d, generator on CPU %d\n\n", machine.Describe(), contest.SwitchCPU, contest.HostCPU)
	var all, first time.Duration
	windows, n := 0, 0
	for _, t := range turns {
		all, windows = all+o.takes(t), windows+len(t.switches)
		if t.round > 1 {
			continue
		}
		first, n = first+o.takes(t), n+1
		var names []string
		for _, s := range t.switches[:(len(t.switches)+1)/2] {
			names = append(names, s.Name())
		}
		fmt.Fprintf(o.Out, "  %-60s %s\n", t.Cell, strings.Join(names, ", "))
	}
	fmt.Fprintf(o.Out, "\n%d cells, %d windows: about %v a round, %v in all", n, windows, first.Round(time.Second), all.Round(time.Second))
	if o.Budget > 0 {
		fmt.Fprintf(o.Out, "; what does not fit into %v is left out", o.Budget)
	}
	fmt.Fprintln(o.Out)
	for _, m := range missing {
		fmt.Fprintf(o.Out, "not here: %s\n", m)
	}
	fmt.Fprintln(o.Out)
}
