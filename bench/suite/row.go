package suite

import (
	"context"
	"errors"
	"time"

	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/switches"
)

// A Row is one place of the table: what switches are to do, and how it is measured how well they do it.
type Row struct {
	ID         string           // by which people ask for it, such as ip-1024
	Name       string           // in words; what stands before a comma is its task
	Contenders []string         // by name, the one that ratios are of first
	Rules      []string         // in ovs-ofctl's syntax; nil: no look-up at all
	Traffic    result.Traffic   // what is sent; task, rules, ports and, unless Sized, the size are filled in
	Measures   []result.Measure // what a window finds; the first is what the row is about
	Drive      Drive            // for windows of fresh switches; nil: Prepare
	Prepare    Prepare          // for windows in turns of switches that run beside each other; nil: Drive

	Devices bool                            // the switch has AF_XDP, or what it has for devices, on veth pairs; else vhost-user ports
	Peers   bool                            // the switch is the user's own, and reached by interfaces
	Sized   bool                            // frames have sizes of the row's own
	Longest int                             // size that frames can have at most, with frame check sequence; 0: that of Ethernet, 1518
	Scene   func(s *switches.Scene)         // what the switch is to be able to do; nil: nothing but forward
	Way     func(s switches.Shares) float64 // of the packets, the share that was looked up as the row says; nil: that does not matter
	Takes   time.Duration                   // of a fresh window, beyond the start and what Options say
	Each    time.Duration                   // of a window in turns, likewise
	Long    bool                            // its windows in turns are longer and fewer than those of other rows
	Once    bool                            // it searches, and so repeats itself, or takes long: of all rows it has the first round alone
	Third   bool                            // the switch has a third port, which sees what is flooded
	Asked   bool                            // measured only when it is asked for by its ID
}

// Sizes of frames, with the frame check sequence.
const (
	leastSize = 64
	mostSize  = 1518             // on ports of the usual MTU
	longSize  = longMTU + 14 + 4 // on ports whose MTU is
	longMTU   = 9000             // bytes
)

// longest is the size that frames can have at most.
func (r *Row) longest() int {
	if r.Longest > 0 {
		return r.Longest
	}
	return mostSize
}

// ports is how many vhost-user ports a switch has in the row.
func (r *Row) ports() int {
	if r.Third {
		return 3
	}
	return 2
}

// A Drive measures one window of a switch that runs. It sees to it that the rules are what moves packets before it counts any, and
// says by [Found.Limited] when it was the generator that set the figures.
type Drive func(ctx context.Context, s *Stand) (Found, error)

// A Prepare starts the generator of a switch that runs, and sees to it that the rules are what moves packets.
type Prepare func(ctx context.Context, s *Stand) (Driver, error)

// A Driver is a generator that is ready.
//
// Thread-safety: one goroutine at a time.
type Driver interface {
	// Turn lets traffic pass for so long, and then measures a window of that time. Before and after, a Driver without a process of its own
	// sends nothing.
	Turn(ctx context.Context, warm, window time.Duration) (Found, error)
	// PID is the generator's process, which may be stopped between turns; 0: it has none of its own.
	PID() int
	Close() error
}

// fresh measures one window of a switch that has just been started.
func (r *Row) fresh(ctx context.Context, s *Stand) (Found, error) {
	if r.Drive != nil {
		return r.Drive(ctx, s)
	}
	return r.Prepare.once(ctx, s)
}

// once is a Drive by the same generator.
func (p Prepare) once(ctx context.Context, s *Stand) (f Found, err error) {
	d, err := p(ctx, s)
	if err != nil {
		return f, err
	}
	f, err = d.Turn(ctx, s.Options.Warm, s.Options.Window)
	return f, errors.Join(err, unless(err, d.Close))
}

// Found is what a window has shown. What is empty was not looked for.
type Found struct {
	Figures map[string]float64  // by the measure's name, in its unit
	Probes  []float64           // of the machine just before and just after what the figures were taken of, where that is not the whole window
	Latency []result.Percentile // rising
	Load    []result.LoadStep   // rising
	Stages  []result.Stage
	LookUps string   // what the switch says of them
	AsSaid  float64  // share of packets that were looked up as the row says
	Limited bool     // the generator was the limit
	Exact   []string // figures of which it was not, all the same
	Waited  float64  // share of the time for which the switch's thread was ready and had no CPU
	Memory  int64    // bytes that the switch's process had at the end, and no other; 0: not known
	OwnWait float64  // of that, what is no disturbance: the row's own packets were handled there, as far as is known
}

// hitShare is the least share of packets that must be looked up as the row says.
const hitShare = 0.9

// remember adds what memory the switch has, if it is a process.
func (f *Found) remember(s *Stand) (err error) {
	if pid := s.Switch.PID(); pid > 0 {
		f.Memory, err = machine.Memory(pid)
	}
	return err
}

// account adds what the switch says, which it began to count anew before the window.
func (f *Found) account(ctx context.Context, s *Stand) (switches.Account, error) {
	a, err := s.Switch.Account(ctx)
	f.LookUps, f.Stages, f.AsSaid = a.Text, a.Stages, 1
	if s.Row.Way != nil && a.Shares != nil {
		f.AsSaid = s.Row.Way(*a.Shares)
	}
	return a, err
}

// Ways that packets are looked up. Packets of the latest one's flow count as what they would be without: there is no switch
// that can be told not to look there.
func byPort(s switches.Shares) float64     { return s.Port }
func byExact(s switches.Shares) float64    { return s.Latest + s.Exact }
func byMegaflow(s switches.Shares) float64 { return s.Latest + s.Megaflow }
func byCache(s switches.Shares) float64    { return s.Latest + s.Exact + s.Megaflow }
func byRules(s switches.Shares) float64    { return s.New }

// The measures that rows about rates have.
const (
	measureRate   = "rate"
	measureCycles = "busy cycles"
	measureCPU    = "CPU time"
)

func rateMeasures() []result.Measure {
	return []result.Measure{
		{Name: measureRate, Unit: "packets/s", Better: result.More, Bounded: true},
		{Name: measureCycles, Unit: "cycles a packet", Better: result.Less},
		{Name: measureCPU, Unit: "ns", Better: result.Less, Bounded: true},
	}
}
