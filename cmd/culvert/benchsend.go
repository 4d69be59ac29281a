package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/capture"
)

type benchSendCmd struct {
	benchPorts
	benchBoth
	benchCeiling
	Time     time.Duration `help:"How long." default:"5s" placeholder:"TIME"`
	Rate     float64       `help:"Frames a second from each port that sends; 0 is as fast as it goes." default:"0"`
	Burst    int           `help:"Frames that leave together." default:"1"`
	Count    uint64        `help:"Frames from each port at most; 0: as many as the time lets pass." default:"0"`
	Capture  string        `help:"Send the frames of a capture (pcap or pcapng) at its own times, from the first port to the second, in place of frames that are made." placeholder:"FILE"`
	Speed    float64       `help:"With --capture: times as fast as it was captured." default:"1"`
	Repeat   int           `help:"With --capture: times it is sent." default:"1"`
	Interval time.Duration `help:"With --json: keep the course of the run in steps of so long." placeholder:"TIME"`
	Frames   benchFrames   `embed:""`
	How      benchProcess  `embed:""`
}

func (c *benchSendCmd) Run(e *env) error {
	ctx, stop := signal.NotifyContext(e.ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	spec, err := c.Frames.spec()
	if err != nil {
		return err
	}
	if c.Capture != "" && (c.Both || c.Rate != 0 || c.Count != 0) {
		return usageError{errors.New("--capture with --both, --rate or --count: a capture goes one way, at its own times, as a whole")}
	}
	if c.Capture != "" && c.Burst != 1 {
		return usageError{errors.New("--capture with --burst: a capture goes at its own times")}
	}
	if c.Capture == "" && (c.Speed != 1 || c.Repeat != 1) {
		return usageError{errors.New("--speed and --repeat are about a --capture")}
	}
	g, ports, err := c.generator(e, c.How, sendRoles...)
	if err != nil {
		return err
	}
	j := gen.Job{Time: gen.Duration(c.Time), CPUs: c.How.CPUs, Rest: c.How.Rest, Streams: c.streams(ports, spec), Interval: gen.Duration(c.Interval)}
	for i := range j.Streams {
		if s := &j.Streams[i]; c.Capture != "" {
			s.Capture = &capture.Spec{Path: c.Capture, Speed: c.Speed, Repeat: c.Repeat}
		} else {
			s.Rate, s.Burst, s.Count = c.Rate, c.Burst, c.Count
		}
	}
	r, err := c.run(ctx, e, g, j)
	if err = errors.Join(err, g.Close()); err != nil {
		return err
	}
	return printRun(e, r)
}

// run sends, and measures the generator by itself before, unless it sends a capture.
func (c *benchSendCmd) run(ctx context.Context, e *env, g *gen.Generator, j gen.Job) (_ *gen.Result, err error) {
	if c.Capture == "" {
		if j.Ceiling, err = c.measure(ctx, e, g, c.How, j.Streams[0]); err != nil {
			return nil, err
		}
	}
	return g.Run(ctx, j, nil)
}
