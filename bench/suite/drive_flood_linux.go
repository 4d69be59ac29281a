package suite

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"time"

	"github.com/culvertdev/culvert/bench/flood"
	"github.com/culvertdev/culvert/bench/gen/stream"
)

// checked is how many packets are looked at one by one before any are only counted.
const checked = 4096

// flooded drives a switch from one guest to the other, as fast as it goes. With a tunnel packets go into it, or come out of it.
func flooded(frames stream.Spec, out bool) Prepare {
	return func(ctx context.Context, s *Stand) (Driver, error) {
		return s.flood(ctx, flood.Options{Frames: frames, Out: out})
	}
}

// bothWays drives a switch from each guest to the other, as fast as it goes: flows whose destinations count on from 10.253.0.0. By testpmd's
// flowgen, if it is to be the generator, they are the same.
func bothWays(flows int) Prepare {
	return func(ctx context.Context, s *Stand) (Driver, error) {
		if s.Options.Testpmd {
			return flowgen(flows)(ctx, s)
		}
		return s.flood(ctx, flood.Options{Both: true, Frames: stream.Spec{
			Flows: flows, Vary: []string{"destination-address"},
			Source: stream.Endpoint{Address: netip.AddrFrom4([4]byte{10, 254, 0, 0})}, Destination: stream.Endpoint{Address: netip.AddrFrom4([4]byte{10, 253, 0, 0})},
		}})
	}
}

// flood starts a flood, and sees to it that it is the rules that move packets, and that these arrive as they should.
func (s *Stand) flood(ctx context.Context, o flood.Options) (_ Driver, err error) {
	o.Sockets, o.Packed, o.CPU, o.Tunnel = s.Sockets(), s.Rings == "packed", s.Scene.Main, s.Scene.Tunnel
	if !s.Row.Sized {
		o.Frames.Size = fmt.Sprint(s.Size)
	}
	forward := s.forward(ctx)
	if s.obeys() {
		if err := forward("actions=drop"); err != nil {
			return nil, err
		}
	}
	c, err := flood.Start(exec.Command(s.Options.Culvert, "bench", "flood"), s.Scene.Space.Start, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unless(err, c.Close))
		}
	}()
	if err := c.Link(ctx); err != nil {
		return nil, err
	}
	if s.obeys() {
		if err := nothing(ctx, c); err != nil {
			return nil, err
		}
	}
	if err := forward(s.Row.Rules...); err != nil {
		return nil, err
	}
	return &flooding{c, s}, c.Check(ctx, checked)
}

// awhile is how long a switch may take until it takes packets: Open vSwitch took up to 4.4 s after both guests had connected.
const awhile = 20 * time.Second

// nothing is an error when anything arrives of what the switch takes.
func nothing(ctx context.Context, c *flood.Client) error {
	before, err := c.Count()
	if err != nil {
		return err
	}
	for begun := time.Now(); ; {
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		now, err := c.Count()
		if err != nil {
			return err
		}
		if n := now.Since(before); n.Received > 0 || taken(n) || time.Since(begun) > awhile {
			return dropped(n)
		}
	}
}

// taken reports whether the switch has taken packets, and not only the guests' rings.
func taken(c flood.Counts) bool { return c.Offered > 2*flood.RingSize }

// dropped is an error when packets were not dropped: some arrived, or none was taken.
func dropped(c flood.Counts) error {
	if c.Received > 0 {
		return fmt.Errorf("%d packets arrived that a rule was to drop", c.Received)
	}
	if !taken(c) {
		return fmt.Errorf("the switch took next to none of the packets that a rule was to drop: %d were offered", c.Offered)
	}
	return nil
}

// flooding is a flood that sends and receives until it is stopped.
type flooding struct {
	*flood.Client
	s *Stand
}

// Turn counts what the flood, which runs, receives.
func (f *flooding) Turn(ctx context.Context, warm, window time.Duration) (Found, error) {
	if err := pause(ctx, warm); err != nil {
		return Found{}, err
	}
	return f.s.count(ctx, window, func() (received, offered uint64, err error) {
		c, err := f.Count()
		return c.Received, c.Offered, err
	})
}
