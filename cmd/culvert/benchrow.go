package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/port"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/rows"
)

// benchRow are the options of a measurement that is a row of its own.
type benchRow struct {
	benchPorts
	benchCeiling
	Frames benchFrames  `embed:""`
	How    benchProcess `embed:""`
	Kept   benchKeep    `embed:""`
}

// benchWarm is the option of measurements before which a switch gets to know its flows.
type benchWarm struct {
	Warm time.Duration `help:"How long frames are sent before anything counts, 10,000 a second." default:"2s" placeholder:"TIME"`
}

const warmRate = 10_000 // frames a second

// A benchAnswer is what was found.
type benchAnswer interface {
	print(w io.Writer)
	records() []rows.Record
}

// run makes a generator with ports that have these roles, has something measured with it, keeps what that found and prints it.
func (r *benchRow) run(e *env, roles []string, measure func(ctx context.Context, g *gen.Generator, ports []port.Spec, spec stream.Spec) (benchAnswer, error)) (err error) {
	ctx, stop := signal.NotifyContext(e.ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := r.Kept.check(r.How); err != nil {
		return err
	}
	spec, err := r.Frames.spec()
	if err != nil {
		return err
	}
	g, ports, err := r.generator(e, r.How, roles...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	a, err := measure(ctx, g, ports, spec)
	if err != nil {
		return err
	}
	if err := r.Kept.keep(e, r.benchPorts, r.Frames, r.How, a.records()...); err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(e.out).Encode(a)
	}
	a.print(e.out)
	return nil
}

// measure runs one of the measurements of package rows, which begin with the switch getting to know its flows for so long.
func (r *benchRow) measure(e *env, roles []string, warm time.Duration, measure func(ctx context.Context, b *rows.Bench) (benchAnswer, error)) error {
	return r.run(e, roles, func(ctx context.Context, g *gen.Generator, ports []port.Spec, spec stream.Spec) (benchAnswer, error) {
		b := &rows.Bench{
			Generator: g, From: ports[0].Name, To: ports[1].Name, Spec: spec, CPUs: r.How.CPUs, Rest: r.How.Rest, Probe: r.Kept.probe(r.How),
		}
		if len(ports) > 2 {
			b.Third = ports[2].Name
		}
		var err error
		if b.Ceiling, err = r.benchCeiling.measure(ctx, e, g, r.How, gen.Stream{Spec: spec}); err != nil {
			return nil, err
		}
		if warm > 0 {
			if _, err := b.Trial()(ctx, warmRate, warm); err != nil {
				return nil, err
			}
		}
		return measure(ctx, b)
	})
}

// shell returns what runs a line in a shell; nil of no line.
func shell(line string) func(context.Context) error {
	if line == "" {
		return nil
	}
	return func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.WaitDelay = time.Second // what it has left running may keep its output open
		out, err := cmd.CombinedOutput()
		if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
			return fmt.Errorf("%s: %w: %s", line, err, bytes.TrimSpace(out))
		}
		return nil
	}
}

// printLimits prints why it may have been the generator that set the figures.
func printLimits(w io.Writer, limits []string) {
	for _, l := range limits {
		fmt.Fprintf(w, "the generator was the limit: %s\n", l)
	}
}
