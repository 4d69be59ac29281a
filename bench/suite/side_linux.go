package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/switches"
)

// match measures a cell in turns, when others have left the CPUs alone for a moment, or patience is at an end.
func (b *bench) match(ctx context.Context, t turn, short func() bool) (list []sample, err error) {
	scratch, _, err := lab.NewScratch("culvert-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	patience := b.o.Patience
	if short() {
		patience = 0
	}
	waiting := time.Now()
	if _, err := machine.Quiet(ctx, contest.CPUs(), patience); err != nil {
		return nil, err
	}
	waited := time.Since(waiting) - machine.QuietLook
	m := match{
		turn: t, o: b.o, short: short,
		start: func(ctx context.Context, sw switches.Switch, i int) (side, error) {
			return b.side(ctx, t.Cell, sw, filepath.Join(scratch.Path, fmt.Sprint(i)))
		},
		used:  func(context.Context) (float64, error) { return machine.Used(contest.CPUs(), turnsLook) },
		apart: func() machine.Distance { return machine.Apart(contest.HostCPU, contest.SwitchCPU) },
	}
	if list, err = m.run(ctx); len(list) > 0 {
		list[0].Before = waited
	}
	return list, err
}

// A pair is a switch that runs, with its generator.
type pair struct {
	sample
	stand  *Stand
	driver Driver
	held   held
	ends   []func() error // the last one first
}

// side starts a switch and its generator, with files in dir, sees to it that the rules are what moves packets, and has both stand still.
func (b *bench) side(ctx context.Context, at Cell, sw switches.Switch, dir string) (_ side, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+at.Row.Takes)
	defer cancel()
	p := &pair{sample: sample{Cell: at, Contender: sw.Name()}}
	defer func() {
		if err != nil {
			err = errors.Join(err, unless(err, p.end))
		}
	}()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	space, err := b.newSpace()
	if err != nil {
		return nil, err
	}
	p.ends = append(p.ends, space.Close)
	stand, done, err := b.stand(at, sw, dir, space)
	if err != nil {
		return nil, err
	}
	p.stand, p.ends = stand, append(p.ends, done)
	if stand.Switch, err = sw.Start(ctx, stand.Scene); err != nil {
		return nil, err
	}
	p.Version, p.Config = stand.Switch.Version(), stand.Switch.Config()
	p.ends = append(p.ends, stand.Switch.Stop)
	if p.driver, err = at.Row.Prepare(ctx, stand); err != nil {
		return nil, err
	}
	p.ends = append(p.ends, p.driver.Close)
	if err := p.hold(sw, stand.Switch.PID()); err != nil {
		return nil, err
	}
	return p, p.held.stop(ctx)
}

// hold makes what has a process of its own one that can be stopped.
func (p *pair) hold(sw switches.Switch, pid int) error {
	if _, theirs := sw.(switches.Own); theirs {
		done, err := guard(pid)
		if err != nil {
			return err
		}
		p.ends = append(p.ends, done)
	}
	return errors.Join(p.held.add(pid), p.held.add(p.driver.PID()))
}

func (p *pair) about() sample { return p.sample }

func (p *pair) turn(ctx context.Context, warm, window time.Duration) (f Found, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+warm+window+2*p.Row.Each)
	defer cancel()
	if err := p.held.proceed(); err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, p.held.stop(ctx)) }()
	if f, err = p.driver.Turn(ctx, warm, window); err != nil {
		return f, err
	}
	return f, f.remember(p.stand)
}

func (p *pair) end() error {
	err := p.held.proceed()
	for len(p.ends) > 0 {
		last := len(p.ends) - 1
		err = errors.Join(err, p.ends[last]())
		p.ends = p.ends[:last]
	}
	return err
}
