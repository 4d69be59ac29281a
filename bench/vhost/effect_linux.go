package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/testpmd"
)

// effect starts the generator and sees to it that it is the rules that move packets: none arrive while all are to
// be dropped, and both ports receive as soon as the row's rules are there. A switch without look-ups is only
// watched to forward.
func effect(ctx context.Context, r running, g *testpmd.Testpmd, row row) error {
	if row.rules != nil {
		if err := r.forward(ctx, []string{"actions=drop"}); err != nil {
			return err
		}
	}
	if err := g.Forward(ctx); err != nil {
		return err
	}
	if row.rules != nil {
		if err := silence(ctx, g); err != nil {
			return err
		}
	}
	if err := r.forward(ctx, row.rules); err != nil {
		return err
	}
	return arrivals(ctx, g)
}

// silence is an error when anything arrives.
func silence(ctx context.Context, g *testpmd.Testpmd) error {
	if err := errors.Join(pause(ctx, 200*time.Millisecond), g.Clear(ctx), pause(ctx, 200*time.Millisecond)); err != nil {
		return err
	}
	c, err := g.Counters(ctx)
	if err != nil {
		return err
	}
	if n := testpmd.Received(c); n > 0 {
		return fmt.Errorf("%d packets arrived that a rule was to drop", n)
	}
	return nil
}

// arrivals waits until both ports have received packets.
func arrivals(ctx context.Context, g *testpmd.Testpmd) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		c, err := g.Counters(ctx)
		if err != nil {
			return err
		}
		if len(c) == 2 && min(c[0].RxPackets, c[1].RxPackets) > 0 {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("wait for packets on both ports: %w: %+v", err, c)
		}
	}
}
