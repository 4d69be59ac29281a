package rows

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/method"
)

// A Runner runs jobs: a generator, or a client of one in its own process.
type Runner interface {
	Run(ctx context.Context, j gen.Job, progress func(gen.Progress)) (*gen.Result, error)
}

// A Bench is a generator between the ports of a switch.
type Bench struct {
	Generator Runner
	// From is the port that frames leave by, To the one where they are to arrive, Third one that sees what is flooded; only
	// learning needs that.
	From, To, Third string
	Spec            stream.Spec // what is sent
	CPUs            []int       // see gen.Job
	Rest            bool        // see gen.Job
	Linger          time.Duration
	Ceiling         float64 // of the generator by itself, back to back, in frames a second, see gen.Job; 0: not known
	// Forget makes the switch forget flows and addresses; nil: it is not told to.
	Forget func(context.Context) error
	// Probe tells what state the machine is in, see method.Probed: the machine.Distance of the CPUs in ns; nil: nothing
	// is known of it.
	Probe func() float64
	// Taken tells how long others have had the switch's CPU, see method.Undisturbed; nil: that is not known.
	Taken method.Taken

	used uint32 // flows that were sent so far where each trial has new ones
}

// A Seen is what there is to say of every measurement.
type Seen struct {
	Probes []float64 `json:"probes,omitempty"` // of the machine before and after
	Class  string    `json:"class,omitempty"`  // of the machine meanwhile, by its probes alone; machine.Mixed when it changed
	Limits []string  `json:"limits,omitempty"` // why it may not have been the switch that set the figures
}

// probed runs f and notes the state of the machine before and after.
func (b *Bench) probed(s *Seen, f func() error) error {
	if b.Probe == nil {
		return f()
	}
	before := b.Probe()
	if err := f(); err != nil {
		return err
	}
	s.Probes = []float64{before, b.Probe()}
	s.Class = machine.Classes([][]float64{s.Probes})[0]
	return nil
}

// stream returns a stream of the bench's frames, at a rate.
func (b *Bench) stream(rate float64) gen.Stream {
	return gen.Stream{From: b.From, To: b.To, Rate: rate, Spec: b.Spec}
}

// run sends streams for a time. A run that is cut short is an error.
func (b *Bench) run(ctx context.Context, d time.Duration, streams ...gen.Stream) (*gen.Result, error) {
	return b.job(ctx, gen.Job{Streams: streams, Time: gen.Duration(d)})
}

// catchUp is how steadily frames leave of which some may be left out. A generator that was held up for a millisecond and made good for it would send what fills
// a ring at once: packets lost by that are not the switch's.
const catchUp = 100 * time.Microsecond

// steady is run for streams of which it is the rate that matters, not that each frame leaves: a frame that cannot leave in time is left out.
func (b *Bench) steady(ctx context.Context, d time.Duration, streams ...gen.Stream) (*gen.Result, error) {
	j := gen.Job{Streams: streams, Time: gen.Duration(d), Spare: method.Missing}
	if !b.Rest { // who rests is late every time
		j.CatchUp = gen.Duration(catchUp)
	}
	return b.job(ctx, j)
}

func (b *Bench) job(ctx context.Context, j gen.Job) (*gen.Result, error) {
	j.CPUs, j.Rest, j.Linger, j.Ceiling = b.CPUs, b.Rest, gen.Duration(b.Linger), b.Ceiling
	if b.Third != "" {
		j.Watch = []string{b.Third}
	}
	r, err := b.Generator.Run(ctx, j, nil)
	if err != nil {
		return nil, err
	}
	return r, ctx.Err()
}

// allOf returns how long so many frames take at a rate, with time to spare for a generator that is held up.
func allOf(n int, rate float64) time.Duration {
	return time.Duration(float64(n)/rate*float64(time.Second)) + spare
}

// spare is for what a generator has to catch up with.
const spare = 5 * time.Second

// Outcome sums up what became of all streams of a run. The rate that was offered is that of the slowest of them.
func Outcome(r *gen.Result) (o method.Outcome) {
	for i, s := range r.Streams {
		o.Offered, o.Lost = o.Offered+s.Offered, o.Lost+s.Lost
		if i == 0 || s.OfferedRate < o.Sent {
			o.Sent = s.OfferedRate
		}
	}
	o.Limits, o.Pace = r.Limits, r.OnlyPace
	if l := r.Latency; l != nil {
		o.P50, o.P99, o.P999, o.P9999 = l.P50, l.P99, l.P999, l.P9999
	}
	return o
}

// Trial returns a trial at a rate, in frames a second.
func (b *Bench) Trial() method.Trial { return b.withProbes(b.trial) }

// Undisturbed returns a trial of parts for a search, see method.Undisturbed.
func (b *Bench) Undisturbed() method.Trial { return b.withProbes(method.Undisturbed(b.trial, b.Taken)) }

func (b *Bench) trial(ctx context.Context, rate float64, d time.Duration) (method.Outcome, error) {
	r, err := b.steady(ctx, d, b.stream(rate))
	if err != nil {
		return method.Outcome{}, err
	}
	return Outcome(r), nil
}

func (b *Bench) withProbes(t method.Trial) method.Trial {
	if b.Probe == nil {
		return t
	}
	return method.Probed(t, b.Probe)
}

// forget has the switch forget, if there is a way.
func (b *Bench) forget(ctx context.Context) error {
	if b.Forget == nil {
		return nil
	}
	if err := b.Forget(ctx); err != nil {
		return fmt.Errorf("have the switch forget: %w", err)
	}
	return nil
}

// frames returns how many frames leave in a time, one at least.
func frames(rate float64, d time.Duration) int { return int(max(1, math.Round(rate*d.Seconds()))) }
