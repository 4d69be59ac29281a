package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/culvertdev/culvert/bench/flood"
	"github.com/culvertdev/culvert/pmd/cpu"
)

type benchFloodCmd struct {
	benchBoth
	Sockets []string      `arg:"" optional:"" name:"socket" help:"Two Unix sockets, where the guests listen for the switch; none: commands as lines of JSON on the standard input, answers on the standard output."`
	Packed  bool          `help:"Packed rings in place of split ones."`
	Time    time.Duration `help:"How long, from when the switch is there." default:"5s" placeholder:"TIME"`
	CPU     int           `name:"cpu" help:"CPU to run on; -1: any." default:"-1" placeholder:"N"`
	Frames  benchFrames   `embed:""`
}

// untilLinked is how long a switch may take to connect and to forward a packet.
const untilLinked = time.Minute

func (c *benchFloodCmd) Run(e *env) error {
	if err := cpu.ShortSlices(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(e.ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch len(c.Sockets) {
	case 0:
		return flood.Serve(ctx, e.in, e.out)
	case 2:
		return c.flood(ctx, e)
	}
	return usageError{fmt.Errorf("%d sockets, want two or none", len(c.Sockets))}
}

// flood floods, and prints what came of it each second.
func (c *benchFloodCmd) flood(ctx context.Context, e *env) (err error) {
	spec, err := c.Frames.spec()
	if err != nil {
		return err
	}
	f, err := flood.New(flood.Options{Sockets: [2]string(c.Sockets), Packed: c.Packed, CPU: c.CPU, Both: c.Both, Frames: spec})
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- f.Run(running) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-ended, f.Close())
	}()
	begun, stop := context.WithTimeout(ctx, untilLinked)
	defer stop()
	if err := errors.Join(f.Link(begun), f.Check(begun, flood.Packets)); err != nil {
		return err
	}
	before, err := f.Counted()
	for last, left := time.Now(), c.Time; left > 0 && err == nil && ctx.Err() == nil; {
		step := min(left, time.Second)
		left -= step
		select {
		case <-ctx.Done():
		case <-time.After(step):
		}
		now, broken := f.Counted()
		took := time.Since(last).Seconds()
		passed := now.Since(before)
		fmt.Fprintf(e.out, "%.0f packets/s offered, %.0f received%s\n", float64(passed.Offered)/took, float64(passed.Received)/took, limit(passed))
		last, before, err = time.Now(), now, broken
	}
	return err
}

// limit says so when the generator was the limit.
func limit(c flood.Counts) string {
	if !c.Limited() {
		return ""
	}
	return fmt.Sprintf("; the generator was the limit: the switch may have waited for %.0f %% of them", 100*float64(c.Starved)/float64(c.Offered))
}
