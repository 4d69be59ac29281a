package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/control"
	"github.com/culvertdev/culvert/bench/gen/sink"
	"github.com/culvertdev/culvert/pmd/cpu"
)

type benchGenCmd struct {
	Buffers    int `help:"Buffers for frames." default:"16384"`
	BufferSize int `help:"Bytes of a buffer: 2048 or 4096." default:"2048"`
}

func (c *benchGenCmd) Run(e *env) error {
	// Who shares its CPU, as a switch's slow path does where there are only two, does not keep it from sending for milliseconds then.
	if err := cpu.ShortSlices(); err != nil {
		return err
	}
	return control.Serve(e.ctx, benchProcess{Buffers: c.Buffers, BufferSize: c.BufferSize}.options(), e.in, e.out)
}

type benchSelfCmd struct {
	Time   time.Duration `help:"How long." default:"2s" placeholder:"TIME"`
	Frames benchFrames   `embed:""`
	How    benchProcess  `embed:""`
}

func (c *benchSelfCmd) Run(e *env) error {
	spec, err := c.Frames.spec()
	if err != nil {
		return err
	}
	g, err := gen.New(c.How.options())
	if err != nil {
		return err
	}
	r, err := g.Self(e.ctx, gen.Job{
		Time: gen.Duration(c.Time), CPUs: c.How.CPUs, Rest: c.How.Rest, Streams: []gen.Stream{{Spec: spec}},
	})
	if err = errors.Join(err, g.Close()); err != nil {
		return err
	}
	return printRun(e, r)
}

// printRun prints what became of a job.
func printRun(e *env, r *gen.Result) error {
	if e.json {
		return json.NewEncoder(e.out).Encode(r)
	}
	for _, s := range r.Streams {
		fmt.Fprintf(e.out, "%s to %s: %.0f frames/s offered, %.0f received; %d of %d lost (%.4f %%), %d of these refused by the port\n",
			s.From, s.To, s.OfferedRate, s.ReceivedRate, s.Lost, s.Offered, 100*s.Loss, s.Refused)
		fmt.Fprintf(e.out, "    reordered %d (by %d at most), twice %d, at another port %d; longest silence %s at %s\n",
			s.Reordered, s.Extent, s.Duplicates, s.Astray, nanos(s.Silence), nanos(s.SilenceAt))
		if s.First > 0 {
			fmt.Fprintf(e.out, "    first frame after %s\n", nanos(s.First))
		}
		printLatency(e.out, "    latency", s.Latency)
		printLatency(e.out, "    of the first frames of flows", s.Firsts)
	}
	for _, p := range r.Ports {
		if p.Others.Frames > 0 {
			fmt.Fprintf(e.out, "%s: %d frames of others arrived\n", p.Name, p.Others.Frames)
		}
	}
	for _, l := range r.Limits {
		fmt.Fprintf(e.out, "the generator was the limit: %s\n", l)
	}
	return nil
}

// printLatency prints percentiles, if there are any.
func printLatency(w io.Writer, what string, l *sink.Latency) {
	if l != nil {
		fmt.Fprintf(w, "%s: least %s, half within %s, 90 %% %s, 99 %% %s, 99.9 %% %s, 99.99 %% %s, most %s (%d frames)\n", what,
			nanos(l.Min), nanos(l.P50), nanos(l.P90), nanos(l.P99), nanos(l.P999), nanos(l.P9999), nanos(l.Max), l.Count)
	}
}
