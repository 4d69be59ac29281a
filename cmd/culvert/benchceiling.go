package main

import (
	"context"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
)

// benchCeiling is the option of what sends frames: first the generator measures itself, since what comes near that is no figure of a switch.
type benchCeiling struct {
	Self time.Duration `help:"For how long the generator is measured back to back in memory before; 0: not at all." default:"500ms" placeholder:"TIME"`
}

// measure returns what the generator does by itself, as fast as it goes, in frames of the stream a second, and tells people; 0 when that is not asked for.
func (c benchCeiling) measure(ctx context.Context, e *env, g *gen.Generator, how benchProcess, s gen.Stream) (float64, error) {
	if c.Self == 0 {
		return 0, nil
	}
	s.Rate, s.Count = 0, 0
	r, err := g.Self(ctx, gen.Job{Time: gen.Duration(c.Self), CPUs: how.CPUs, Rest: how.Rest, Streams: []gen.Stream{s}})
	if err != nil {
		return 0, fmt.Errorf("measure the generator itself: %w", err)
	}
	rate := r.Streams[0].ReceivedRate
	if !e.json {
		fmt.Fprintf(e.out, "the generator by itself, back to back in memory: %.0f frames/s\n", rate)
	}
	return rate, nil
}
