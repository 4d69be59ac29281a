package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/switches"
)

// tries is how often a window is measured when the CPUs moved apart meanwhile, others used them, or packets were looked
// up otherwise than the row says.
const tries = 3

// window measures a window, again when it is not worth much. When time is short it is taken as it is, and nobody is waited for.
func (b *bench) window(ctx context.Context, sw switches.Switch, at Cell, short func() bool) (s sample, err error) {
	begun := time.Now()
	for try := 0; try == 0 || try < tries && !short(); try++ {
		patience := b.o.Patience
		if short() {
			patience = 0
		}
		before := time.Since(begun)
		s, err = b.once(ctx, sw, at, patience)
		s.Before += before
		if err != nil || s.good() || s.valid() && b.o.Patience == 0 {
			break
		}
	}
	s.Took = time.Since(begun)
	return s, err
}

// once waits until others leave the CPUs alone, for so long at most, then starts a switch, measures and stops it.
func (b *bench) once(ctx context.Context, sw switches.Switch, at Cell, patience time.Duration) (s sample, err error) {
	s.Cell, s.Contender = at, sw.Name()
	scratch, _, err := lab.NewScratch("culvert-bench-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	waiting := time.Now()
	if s.Used[0], err = machine.Quiet(ctx, contest.CPUs(), patience); err != nil {
		return s, err
	}
	s.Before = time.Since(waiting) - machine.QuietLook
	s.Distance[0] = machine.Apart(contest.HostCPU, contest.SwitchCPU)
	ctx, cancel := context.WithTimeout(ctx, time.Minute+b.o.Warm+b.o.Window+2*at.Row.Takes)
	defer cancel()
	stand, done, err := b.stand(at, sw, scratch.Path, b.space)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if stand.Switch, err = sw.Start(ctx, stand.Scene); err != nil {
		return s, err
	}
	s.Version, s.Config = stand.Switch.Version(), stand.Switch.Config()
	if s.Found, err = at.Row.fresh(ctx, stand); err == nil {
		err = s.remember(stand)
	}
	err = errors.Join(err, unless(err, stand.Switch.Stop))
	s.Distance[1] = machine.Apart(contest.HostCPU, contest.SwitchCPU)
	if err == nil {
		s.Used[1], err = machine.Quiet(ctx, contest.CPUs(), 0)
	}
	return s, err
}

// stand makes the scene of a cell, with files in dir, whose path is short, and ports of vhost-user in space. done takes away what must be.
func (b *bench) stand(at Cell, sw switches.Switch, dir string, space *lab.Namespace) (s *Stand, done func() error, err error) {
	s = &Stand{Cell: at, Options: b.o, Ceiling: b.ceiling, Scene: switches.Scene{
		Dir: filepath.Join(dir, sw.Name()), Space: space, CPU: contest.SwitchCPU, Main: contest.HostCPU, Nice: b.o.Nice,
	}}
	done = func() error { return nil }
	own, theirs := sw.(switches.Own)
	switch {
	case at.Row.Devices:
		if s.Lab, err = b.lab(); err != nil {
			return nil, nil, err
		}
		s.Scene.Space, s.Scene.Ports, done = s.Lab.Switch, switches.PortsTo(s.Lab), s.Lab.Close
	case theirs:
		s.Scene.Ports = own.Ports[:]
	default:
		for i := range at.Row.ports() {
			s.Scene.Ports = append(s.Scene.Ports, switches.Port{Socket: filepath.Join(dir, fmt.Sprint("vu", i))})
		}
	}
	if at.Size > mostSize {
		s.Scene.MTU = longMTU
	}
	if at.Row.Scene != nil {
		at.Row.Scene(&s.Scene)
	}
	if s.Lab != nil && s.Scene.Tunnel != nil {
		if err := wrap(s.Lab, s.Scene.Tunnel); err != nil {
			return nil, nil, errors.Join(err, done())
		}
	}
	return s, done, nil
}

// obeys reports whether it can be seen that it is the row's rules that move packets: not where there are none, and not with a switch that
// is told nothing.
func (s *Stand) obeys() bool {
	own, theirs := s.Switch.(interface{ TakesRules() bool })
	return s.Row.Rules != nil && (!theirs || own.TakesRules())
}
