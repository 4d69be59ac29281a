package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/switches"
	"github.com/culvertdev/culvert/bench/traffic"
)

// Hosts, in the order of their ports.
const (
	from = iota
	before
	after
)

const (
	quiet    = time.Second      // without a packet by the old rule: there are no more
	most     = 30 * time.Second // for the change to reach all flows
	mostFill = time.Minute      // for all flows to be cached
	atUDP    = 34               // offset of the UDP header in the frames
)

var errNoEffect = errors.New("the new rule has no effect")

// rules returns the rules. Ports that are moved into a register count whole: every flow is a megaflow of its own.
func rules() []string {
	return []string{
		fmt.Sprintf("table=0,udp,in_port=%d,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],move:NXM_OF_UDP_DST[]->NXM_NX_REG0[16..31],resubmit(,1)", from+1),
		"table=1," + rule(before),
	}
}

// rule returns the rule that sends everything to a host.
func rule(host int) string { return fmt.Sprintf("udp,actions=output:%d", host+1) }

// run starts a switch, changes its rule under traffic and stops it.
func run(ctx context.Context, o options, sw switches.Switch) (s sample, err error) {
	scratch, _, err := lab.NewScratch("culvert-stale-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	l, err := contest.NewLab("from", "before", "after")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r, err := switches.StartCacher(ctx, sw, switches.Scene{
		Dir: filepath.Join(scratch.Path, sw.Name()), Space: l.Switch, CPU: contest.SwitchCPU, Main: contest.SwitchCPU, Ports: switches.PortsTo(l),
	}, rules())
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	s.name, s.version, s.config = sw.Name(), r.Version(), r.Config()
	return s, s.measure(ctx, o, l, r)
}

// frames returns a packet of each of n flows.
func frames(h *lab.Host, n int) ([][]byte, error) {
	nobody := net.HardwareAddr{2, 0x77, 0, 0, 1, 0} // the receivers' stacks drop it at once
	first, err := traffic.Flows{
		From: traffic.Endpoint{MAC: h.MAC, Addr: h.IPv4.Addr()},
		To:   traffic.Endpoint{MAC: nobody, Addr: netip.MustParseAddr("10.77.0.200")},
	}.Frames()
	if err != nil {
		return nil, err
	}
	all := make([][]byte, n)
	for i := range all {
		f := append([]byte(nil), first[0]...)
		binary.BigEndian.PutUint32(f[atUDP:], uint32(i)) // both ports
		f[atUDP+6], f[atUDP+7] = 0, 0                    // RFC 768: no checksum
		all[i] = f
	}
	return all, nil
}

// measure lets host 1 send, fills the cache, and changes the rule.
func (s *sample) measure(ctx context.Context, o options, l *lab.Lab, r switches.Cacher) error {
	all, err := frames(l.Hosts[from], o.flows)
	if err != nil {
		return err
	}
	b, err := traffic.NewBlaster(l.Hosts[from].Namespace, lab.HostLink)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.Bypass(); err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { b.Run(sending, all, o.rate) })
	defer wg.Wait()
	defer stop()
	if err := fill(ctx, o, r); err != nil {
		return err
	}
	s.cached = r.Cached(ctx)
	return s.change(ctx, l, r)
}

// fill waits until nearly all flows are cached, or for mostFill: OVS keeps fewer than it may when its revalidators
// get too little of a CPU. How many there were is part of the result.
func fill(ctx context.Context, o options, r switches.Cacher) error {
	for start := time.Now(); ; {
		n, err := r.Flows(ctx)
		if err != nil || n >= o.flows*99/100 || time.Since(start) > mostFill {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// change changes the rule and watches until no packet is handled by the old one.
func (s *sample) change(ctx context.Context, l *lab.Lab, r switches.Cacher) error {
	var changed error
	asked := time.Now()
	answered := make(chan time.Time, 1)
	go func() {
		changed = r.Modify(ctx, "table=1,"+rule(after))
		answered <- time.Now()
	}()
	seen, last, done := uint64(0), asked, time.Time{}
	for done.IsZero() || time.Since(last) < quiet || time.Since(done) < quiet {
		if time.Since(asked) > most {
			return errNoEffect
		}
		n, err := received(l, before)
		if err != nil {
			return err
		}
		now := time.Now()
		if n != seen {
			seen, last = n, now
		}
		select {
		case done = <-answered:
		case <-time.After(time.Millisecond):
		}
	}
	s.call, s.stale = done.Sub(asked), last.Sub(asked)
	if n, err := received(l, after); err != nil || n == 0 {
		return errors.Join(errNoEffect, err)
	}
	return changed
}

// received returns how many packets have come to a host.
func received(l *lab.Lab, host int) (uint64, error) {
	c, err := l.Hosts[host].Count(lab.HostLink)
	return c.RxPackets, err
}
