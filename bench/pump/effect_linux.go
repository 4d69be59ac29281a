package pump

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// checked is how many packets are looked at before any are only counted.
const checked = 4096

// Effect sees to it that it is the rules that move packets, and that these arrive as they should. forward gives the switch rules.
func (u *Pump) Effect(ctx context.Context, forward func(rules ...string) error, rules []string) error {
	if err := forward("actions=drop"); err != nil {
		return err
	}
	if err := u.awaitSwitch(ctx); err != nil {
		return err
	}
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		u.turn()
	}
	if n := u.received.Load(); n > 0 {
		return fmt.Errorf("%d packets arrived that a rule was to drop", n)
	}
	if err := forward(rules...); err != nil {
		return err
	}
	return u.Arrivals(ctx)
}

// Arrivals sends until so many packets have arrived that, looked at one by one, are as they should be.
func (u *Pump) Arrivals(ctx context.Context) error {
	if err := u.awaitSwitch(ctx); err != nil {
		return err
	}
	u.check = u.judge()
	for u.received.Load() < checked {
		u.turn()
		if err := errors.Join(u.wrong, ctx.Err()); err != nil {
			return fmt.Errorf("after %d packets as they should be: %w", u.received.Load(), err)
		}
	}
	u.check = nil
	return nil
}

// awaitSwitch waits until the switch has connected to both guests.
func (g *guests) awaitSwitch(ctx context.Context) error {
	for !g.ports[0].LinkUp() || !g.ports[1].LinkUp() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the switch to connect: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}
