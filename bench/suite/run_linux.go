package suite

import (
	"context"
	"errors"
	"fmt"
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
	book, err := o.open(ctx, missing)
	if err != nil {
		return nil, err
	}
	s := schedule{o: o, book: book, turns: turns, now: time.Now}
	if err := s.fits(); err != nil {
		return nil, err
	}
	b, err := newBench(o, dpdkOf(turns))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	part, err := b.measureCeiling(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Out, "our own generator by itself, back to back in memory: %.1f million frames of the shortest size a second\n\n", part.Generator/1e6)
	book.Begin(part)
	s.measure = func(ctx context.Context, sw switches.Switch, at Cell) (sample, error) {
		return b.window(ctx, sw, at, s.short)
	}
	s.match = func(ctx context.Context, t turn) ([]sample, error) { return b.match(ctx, t, s.short) }
	p := report.NewProgress(o.Out, s.steps())
	s.watch = p
	err = s.run(ctx)
	p.Close()
	return &book.Run, err
}

// switches returns the switches that take part and can run here, and says of the others why not.
func (o *Options) switches(cells []Cell) (there []switches.Switch, missing []string, err error) {
	var wanted []string
	for _, c := range cells {
		wanted = append(wanted, o.names(c.Row)...)
	}
	c := switches.Culvert{Binary: o.Culvert, Ports: o.Ports, Config: o.Config}
	another := c
	another.Binary, another.Other = o.Other, true
	for _, s := range []switches.Switch{&c, &another, &switches.Patch{Culvert: c}, &switches.Patch{Culvert: another}, switches.OVSDPDK{}, switches.OVSAFXDP{}, switches.Bridge{}, switches.Testpmd{}} {
		if !slices.Contains(wanted, s.Name()) || !o.takesPart(s.Name()) {
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

// open returns the book of the run. It is an error when the file has one of other programs, or of windows of another kind.
func (o *Options) open(ctx context.Context, missing []string) (*result.Book, error) {
	versions, programs := machine.Versions(ctx), make(map[string]string)
	for _, p := range []struct{ name, build, file string }{
		{"culvert", "Culvert's build", o.Culvert}, {"culvert-other", "the other build", o.Other},
	} {
		if p.file == "" {
			continue
		}
		digest, err := machine.Digest(p.file)
		if err != nil {
			return nil, err
		}
		versions[p.build], programs[p.name] = machine.Build(p.file), digest
	}
	return result.Open(o.File, o.run(versions, programs, missing))
}

// hugepages are for one program with DPDK, with what it takes beyond what it is told to, in bytes.
const hugepages = 640 << 20

// dpdkOf is how many programs with DPDK run beside each other at most: a switch and a generator, or those of all contenders in turns.
func dpdkOf(turns []turn) int {
	most := 2
	for _, t := range turns {
		if t.groups == 0 || t.Row.Devices {
			continue
		}
		n := 0
		for _, s := range t.contenders() {
			n++ // its generator
			switch s.(type) {
			case switches.OVSDPDK, switches.Testpmd:
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// A bench runs windows.
type bench struct {
	o     *Options
	space *lab.Namespace // where switches and generators with vhost-user ports run
	all   cpu.Set        // the CPUs that this process had
	pages *machine.Hugepages

	ceiling float64 // of our own generator, in frames a second, see measureCeiling; 0: it was not measured
}

// newBench makes the namespace where all runs, which may use all CPUs, with hugepages for so many programs with DPDK; this process keeps to the
// generator's CPU.
func newBench(o *Options, dpdk int) (b *bench, err error) {
	if err := contest.Possible(); err != nil {
		return nil, err
	}
	b = &bench{o: o}
	if b.all, err = cpu.Affinity(); err != nil {
		return nil, err
	}
	if b.pages, err = machine.BorrowHugepages(dpdk * hugepages); err != nil {
		if dpdk > 2 {
			err = fmt.Errorf("%w; switches that do not run beside each other (--turns 0) need %d", err, 2*hugepages/machine.HugepageSize)
		}
		return nil, fmt.Errorf("%w: %w", contest.ErrCannot, err)
	}
	// Said aloud, the number stays when this process keeps to one CPU: machine.Apart spins on two.
	runtime.GOMAXPROCS(max(2, runtime.NumCPU()))
	// All threads are confined, that of a namespace among them, which is allowed more afterwards.
	if err := cpu.Confine(cpu.SetOf(contest.HostCPU)); err != nil {
		return nil, errors.Join(err, b.pages.Give())
	}
	if b.space, err = b.newSpace(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", contest.ErrCannot, err), cpu.Confine(b.all), b.pages.Give())
	}
	if err := b.space.MayNice(o.Nice); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", contest.ErrCannot, err), b.close())
	}
	return b, nil
}

// newSpace makes a namespace for a switch and its generator. What runs there may use all CPUs.
func (b *bench) newSpace() (*lab.Namespace, error) {
	n, err := lab.NewNamespace("bench")
	if err != nil {
		return nil, err
	}
	if err := n.Allow(b.all); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
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
	if where := contest.Placement(); where != "" {
		fmt.Fprintf(o.Out, "%s\n\n", where)
	}
	var all, first time.Duration
	windows, n := 0, 0
	for _, t := range turns {
		all, windows = all+o.takes(t), windows+t.windows()
		if t.round > 1 {
			continue
		}
		first, n = first+o.takes(t), n+1
		fmt.Fprintf(o.Out, "  %-60s %s\n", t.Cell, t.names())
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
