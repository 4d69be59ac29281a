package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/switches"
	"github.com/culvertdev/culvert/bench/traffic"
)

const (
	everyNew  = 50      // one packet in so many of a victim is the first of a new flow
	distinct  = 8192    // frames of a victim before they come again
	attackers = 1 << 17 // frames of the attacker
	flooders  = 1 << 20 // of the host that sends nothing but new flows: more than it sends in a window
)

// A phase is one measurement.
type phase struct {
	attack int  // packets a second
	flood  bool // instead of all else: new flows, as many as one host sends
}

// An outcome is what a phase brought, in packets a second.
type outcome struct {
	offered, received [2]float64 // of the victims beside and behind; of a flood, the first
	user, system      float64    // CPU time of the switch's process, in CPUs
	cached            string     // what the switch says of its cache
}

// A sample is all phases of one start of a switch.
type sample struct {
	contender, version string
	config             []string
	rules              []string
	results            []outcome
}

// rules returns the rules of a run.
func rules(l *lab.Lab, flood bool) []string {
	if flood {
		return newFlowRules()
	}
	return accessList(l.Hosts[beside].IPv4.Addr(), l.Hosts[uplink].IPv4.Addr())
}

// run starts a switch, measures all phases and stops it.
func run(ctx context.Context, o options, c switches.Switch, phases []phase) (s sample, err error) {
	scratch, _, err := lab.NewScratch("culvert-tse-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	l, err := contest.NewLab("uplink", "beside", "from-beside", "from-behind")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s.rules = rules(l, phases[0].flood)
	r, err := switches.StartCacher(ctx, c, switches.Scene{
		Dir: filepath.Join(scratch.Path, c.Name()), Space: l.Switch, CPU: contest.SwitchCPU, Main: contest.SwitchCPU, Ports: switches.PortsTo(l),
	}, s.rules)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	s.contender, s.version, s.config = c.Name(), r.Version(), r.Config()
	for _, p := range phases {
		res, err := measure(ctx, o, l, r, p)
		if err != nil {
			return s, err
		}
		s.results = append(s.results, res)
	}
	return s, nil
}

// A sender is frames that leave a host at a rate.
type sender struct {
	host   int
	frames [][]byte
	rate   int
	sent   uint64
}

// senders returns what sends in a phase: the victims beside and behind, and the attacker.
func senders(o options, l *lab.Lab, p phase) ([]*sender, error) {
	nobody := net.HardwareAddr{2, 0x77, 0, 0, 1, 0} // the receiver's stack drops it at once
	at := func(host int) traffic.Endpoint {
		return traffic.Endpoint{MAC: l.Hosts[host].MAC, Addr: l.Hosts[host].IPv4.Addr()}
	}
	to := func(host int) traffic.Endpoint { return traffic.Endpoint{MAC: nobody, Addr: l.Hosts[host].IPv4.Addr()} }
	if p.flood {
		f, err := victims(at(uplink), traffic.Endpoint{MAC: nobody, Addr: netip.MustParseAddr("10.77.0.200")}, 1, 1, flooders, 7)
		return []*sender{{host: uplink, frames: f}}, err
	}
	one, err1 := victims(at(beside), to(fromBeside), flows, everyNew, distinct, 3)
	two, err2 := victims(at(uplink), to(fromBehind), flows, everyNew, distinct, 4)
	all := []*sender{{host: beside, frames: one, rate: o.victim}, {host: uplink, frames: two, rate: o.victim}}
	if p.attack == 0 {
		return all, errors.Join(err1, err2)
	}
	three, err3 := crafted(l.Hosts[uplink].MAC, nobody, attackers, uint64(p.attack))
	return append(all, &sender{host: uplink, frames: three, rate: p.attack}), errors.Join(err1, err2, err3)
}

// measure runs one phase.
func measure(ctx context.Context, o options, l *lab.Lab, r switches.Cacher, p phase) (res outcome, err error) {
	all, err := senders(o, l, p)
	if err != nil {
		return res, err
	}
	if err := transmit(ctx, l, all, o.warm, nil); err != nil {
		return res, err
	}
	err = transmit(ctx, l, all, o.window, func(elapsed time.Duration, got [2]uint64, used times) {
		for i, n := range got {
			res.received[i] = float64(n) / elapsed.Seconds()
		}
		res.user, res.system = used.user.Seconds()/elapsed.Seconds(), used.system.Seconds()/elapsed.Seconds()
	}, r.PID())
	for i := range min(2, len(all)) {
		res.offered[i] = float64(all[i].sent) / o.window.Seconds()
	}
	if p.flood {
		res.received, res.offered[1] = [2]float64{res.received[1]}, 0
	}
	res.cached = r.Cached(ctx)
	return res, err
}

// transmit lets all senders send for d, and tells done what the receivers have got meanwhile and how much CPU time
// the process took.
func transmit(ctx context.Context, l *lab.Lab, all []*sender, d time.Duration, done func(time.Duration, [2]uint64, times), pid ...int) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var blasters []*traffic.Blaster
	for _, s := range all {
		b, err := traffic.NewBlaster(l.Hosts[s.host].Namespace, lab.HostLink)
		if err != nil {
			return err
		}
		defer b.Close()
		if err := b.Bypass(); err != nil {
			return err
		}
		blasters = append(blasters, b)
	}
	before, err := look(l, pid)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() { s.sent = blasters[i].Run(ctx, s.frames, s.rate) })
	}
	wg.Wait()
	time.Sleep(20 * time.Millisecond) // for what is on its way
	after, err := look(l, pid)
	if err != nil || done == nil {
		return err
	}
	var got [2]uint64
	for i := range got {
		got[i] = after.received[i] - before.received[i]
	}
	done(after.when.Sub(before.when)-20*time.Millisecond, got, times{after.used.user - before.used.user, after.used.system - before.used.system})
	return nil
}

// A snapshot is what has been counted at a moment.
type snapshot struct {
	when     time.Time
	received [2]uint64
	used     times
}

// times is CPU time in the process's own code and in the kernel's on its behalf.
type times struct{ user, system time.Duration }

func look(l *lab.Lab, pid []int) (s snapshot, err error) {
	s.when = time.Now()
	for i, host := range []int{fromBeside, fromBehind} {
		c, err := l.Hosts[host].Count(lab.HostLink)
		if err != nil {
			return s, err
		}
		s.received[i] = c.RxPackets
	}
	for _, p := range pid {
		if s.used, err = cpuTime(p); err != nil {
			return s, err
		}
	}
	return s, nil
}

// cpuTime returns the CPU time of a process: proc_pid_stat(5), fields 14 and 15 in ticks of 10 ms.
func cpuTime(pid int) (t times, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return t, err
	}
	var skip string
	var user, system int64
	// Field 2, the name, is in brackets and may contain anything.
	rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
	if _, err := fmt.Sscan(rest, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system); err != nil {
		return t, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	const tick = 10 * time.Millisecond
	return times{time.Duration(user) * tick, time.Duration(system) * tick}, nil
}
