package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/culvertdev/culvert/bench/contest"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/testpmd"
	"github.com/culvertdev/culvert/pmd/cpu"
)

// A sample is one window of one contender.
type sample struct {
	cell
	Contender string              `json:"contender"`
	Round     int                 `json:"round"`
	Turn      int                 `json:"turn"` // within the round
	Version   string              `json:"version"`
	Distance  [2]machine.Distance `json:"cache_line_round_trip_ns"`             // between the CPUs, before and after
	Used      [2]float64          `json:"used_by_others"`                       // share of the two CPUs, just before and just after
	Waited    float64             `json:"waited_for_cpu"`                       // share of the time for which the switch's thread was ready and had no CPU
	Rate      float64             `json:"packets_per_second"`                   // received by the generator, both ways together
	Offered   float64             `json:"offered_packets_per_second,omitempty"` // by guests of this process, where packets go one way
	CPU       float64             `json:"cpu_ns_per_packet"`                    // CPU time of the switch's thread for each of these, looking for packets included
	Cycles    float64             `json:"cycles_per_packet"`                    // by the switch's own count; 0 without one
	LookUps   string              `json:"look_ups"`                             // what the switch says of them
	AsSaid    float64             `json:"looked_up_as_the_row_says"`            // share of the packets
	Half      time.Duration       `json:"half_within_ns,omitempty"`             // of single packets, from sending to receiving
	Most      time.Duration       `json:"99_percent_within_ns,omitempty"`
	Stages    []stage             `json:"stages,omitempty"` // where the switch's time goes, by its own count, or by a profile if that was asked for
}

// class is what the window's own probes say of it.
func (s sample) class() string { return machine.Class(s.Distance[0], s.Distance[1]) }

// undisturbed reports whether others left the CPUs alone.
func (s sample) undisturbed() bool { return max(s.Used[0], s.Used[1]) < 0.1 && s.Waited < 0.02 }

// valid reports whether the window is about what its row says.
func (s sample) valid() bool { return s.AsSaid >= hitShare }

// A bench runs windows.
type bench struct {
	options
	hosts *lab.Namespace // where switches and generators run
	all   cpu.Set        // the CPUs that this process had
}

// tries is how often a window is measured when the CPUs moved apart meanwhile, others used them, or packets were looked
// up otherwise than the row says.
const tries = 3

// run measures a window, again when it is not worth much.
func (b *bench) run(ctx context.Context, c contender, at cell) (s sample, err error) {
	for range tries {
		if s, err = b.once(ctx, c, at); err != nil || s.valid() && (b.patience == 0 || s.undisturbed() && s.class() != result.Mixed) {
			break
		}
	}
	return s, err
}

// once starts switch and generator, measures and stops them.
func (b *bench) once(ctx context.Context, c contender, at cell) (s sample, err error) {
	s.cell, s.Contender = at, c.name()
	scratch, _, err := lab.NewScratch("culvert-vhost-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	if s.Used[0], err = machine.Quiet(ctx, contest.CPUs(), b.patience); err != nil {
		return s, err
	}
	s.Distance[0] = machine.Apart(contest.HostCPU, contest.SwitchCPU)
	start, cancel := context.WithTimeout(ctx, time.Minute+b.warm+b.window)
	defer cancel()
	p := place{dir: filepath.Join(scratch.Path, c.name()), spawn: b.hosts.Start}
	for i := range p.sockets {
		p.sockets[i] = filepath.Join(scratch.Path, fmt.Sprint("vu", i))
	}
	r, err := c.start(start, p)
	if err != nil {
		return s, err
	}
	s.Version = r.version()
	switch row := at.row(); {
	case row.way != nil:
		err = b.withPump(start, r, p, &s)
	case row.flows > 0:
		err = b.withGenerator(start, r, p, &s)
	default:
		err = b.latency(start, r, p, &s)
	}
	if stopped := r.stop(); err == nil {
		err = stopped
	}
	s.Distance[1] = machine.Apart(contest.HostCPU, contest.SwitchCPU)
	if err == nil {
		s.Used[1], err = machine.Quiet(ctx, contest.CPUs(), 0)
	}
	return s, err
}

// withGenerator starts the generator between the switch's ports and measures.
func (b *bench) withGenerator(ctx context.Context, r running, p place, s *sample) (err error) {
	row := s.row()
	var ports []testpmd.Port
	for i, socket := range p.sockets {
		ports = append(ports, testpmd.Guest{
			Socket: socket, MAC: net.HardwareAddr{0, 0, 0, 0, 0, byte(i + 1)}, Packed: s.Rings == "packed", InOrder: true, RingSize: ringSize,
		})
	}
	g, err := testpmd.Start(ctx, testpmd.Options{
		Name: "generator", Ports: ports, Mode: "flowgen", CPU: contest.HostCPU, Main: contest.HostCPU, RingSize: ringSize,
		Flows: row.flows, Length: s.Size, Buffers: b.buffers, Spawn: p.spawn,
	})
	if err != nil {
		return err
	}
	defer func() {
		if stopped := g.Stop(); err == nil {
			err = stopped
		}
	}()
	if err := effect(ctx, r, g, row); err != nil {
		return err
	}
	if err := pause(ctx, b.warm); err != nil {
		return err
	}
	counted := func(ctx context.Context) (received, offered uint64, err error) {
		c, err := g.Counters(ctx)
		return testpmd.Received(c), 0, err
	}
	if err := b.count(ctx, r, counted, s); err != nil || !b.perf {
		return err
	}
	s.Stages, err = profile(ctx, p, r.pid(), s.Rate, b.window)
	return err
}

// ringSize is how many descriptors a ring has.
const ringSize = 1024

// count counts packets for the time of a window. counted says how many the generator has received and offered.
func (b *bench) count(ctx context.Context, r running, counted func(context.Context) (received, offered uint64, err error), s *sample) error {
	if err := r.clear(ctx); err != nil {
		return err
	}
	type look struct {
		when              time.Time
		received, offered uint64
		threads           map[string]machine.Spent
	}
	take := func() (l look, err error) {
		if l.received, l.offered, err = counted(ctx); err != nil {
			return l, err
		}
		l.when = time.Now()
		l.threads, err = machine.Threads(r.pid())
		return l, err
	}
	before, err := take()
	if err != nil {
		return err
	}
	if err := pause(ctx, b.window); err != nil {
		return err
	}
	after, err := take()
	if err != nil {
		return err
	}
	seconds := after.when.Sub(before.when).Seconds()
	s.Rate = float64(after.received-before.received) / seconds
	s.Offered = float64(after.offered-before.offered) / seconds
	spent := machine.Busiest(before.threads, after.threads)
	s.Waited = spent.Waited.Seconds() / seconds
	s.CPU = float64((spent.User + spent.System).Nanoseconds()) / float64(max(after.received-before.received, 1))
	s.Cycles, s.Stages = r.cycles(ctx), r.stages(ctx)
	s.LookUps, s.AsSaid, err = r.account(ctx, s.row())
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
