package gen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/culvertdev/culvert/bench/gen/port"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

// Options configure a Generator. The zero value of each field picks the default named beside it.
type Options struct {
	Log        *slog.Logger // default: discard
	Buffers    int          // of all ports together; default 16384
	BufferSize int          // bytes, 2048 (default) or 4096
}

// A Generator has ports and runs jobs between them.
type Generator struct {
	*port.Set
	pool   *frame.Pool
	clock  *cpu.Clock
	bodies *stream.Bodies
	mu     sync.Mutex // a job runs
}

// ErrBusy is returned by Run while another job runs.
var ErrBusy = errors.New("another job runs")

// New returns a generator without ports.
func New(o Options) (*Generator, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p, err := frame.NewPool(frame.Options{Buffers: o.Buffers, BufferSize: o.BufferSize})
	if err != nil {
		return nil, err
	}
	return &Generator{Set: port.NewSet(p, o.Log), pool: p, clock: cpu.NewClock(), bodies: stream.NewBodies(p)}, nil
}

// Close closes all ports and frees the frames. No job may run.
func (g *Generator) Close() error { return errors.Join(g.CloseAll(), g.pool.Close()) }

// Run runs a job. When ctx ends, or done is closed, it ends early and says so far as it came. progress, if it is
// not nil, is called about once a second.
func (g *Generator) Run(ctx context.Context, j Job, progress func(Progress)) (*Result, error) {
	if !g.mu.TryLock() {
		return nil, ErrBusy
	}
	defer g.mu.Unlock()
	j, err := j.withDefaults()
	if err != nil {
		return nil, err
	}
	r, err := g.prepare(j)
	if err != nil {
		return nil, err
	}
	defer r.close()
	wait, cancel := context.WithTimeout(ctx, time.Duration(j.Wait))
	defer cancel()
	if err := port.Await(wait, r.ports); err != nil {
		return nil, err
	}
	if err := r.run(ctx, progress); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// prepare makes everything a job needs.
func (g *Generator) prepare(j Job) (*run, error) {
	g.clock.Recalibrate()
	r := &run{Generator: g, job: j, number: rand.Uint32()}
	for i := range j.Streams {
		if err := r.addStream(i); err != nil {
			r.close()
			return nil, fmt.Errorf("stream %d: %w", i, err)
		}
	}
	for _, name := range j.Watch {
		if _, err := r.addPort(name); err != nil {
			r.close()
			return nil, fmt.Errorf("watch: %w", err)
		}
	}
	r.makeSink()
	if err := r.makeThreads(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// tagRoom is what a frame may have beyond the MTU: Ethernet header and two VLAN tags.
const tagRoom = 14 + 2*4 // bytes

// fits reports when frames of so many bytes are too long for a port.
func fits(p pmd.Port, longest int) error {
	if most := p.Info().MTU + tagRoom; longest > most {
		return fmt.Errorf("frames of %d bytes for port %s, want at most %d (MTU %d)", longest, p.Info().Name, most, p.Info().MTU)
	}
	return nil
}
