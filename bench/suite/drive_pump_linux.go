package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/pump"
)

// pumped drives a switch by guests of this process, one way: frames of pump.Packets different packets, as fast as it goes. With a tunnel they come out
// of it or go into it.
func pumped(frames stream.Spec, out bool) Prepare {
	return func(ctx context.Context, s *Stand) (Driver, error) {
		frames := frames
		if !s.Row.Sized {
			frames.Size = fmt.Sprint(s.Size)
		}
		u, err := pump.New(pump.Options{Sockets: s.Sockets(), Split: s.Rings == "split", Frames: frames, Tunnel: s.Scene.Tunnel, Out: out})
		if err != nil {
			return nil, err
		}
		if s.obeys() {
			err = u.Effect(ctx, s.forward(ctx), s.Row.Rules)
		} else {
			err = u.Arrivals(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, u.Close())
		}
		return &pumping{u, s}, nil
	}
}

// pumping are guests of this process, who send in their turns alone.
type pumping struct {
	*pump.Pump
	s *Stand
}

func (*pumping) PID() int { return 0 }

func (p *pumping) Turn(ctx context.Context, warm, window time.Duration) (Found, error) {
	stop := p.Run()
	defer stop()
	if err := pause(ctx, warm); err != nil {
		return Found{}, err
	}
	return p.s.count(ctx, window, func() (received, offered uint64, err error) {
		received, offered = p.Counted()
		return received, offered, nil
	})
}
