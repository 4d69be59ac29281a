package suite

import (
	"context"
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/pump"
)

// pumped drives a switch by guests of this process, one way: frames of pump.Packets different packets, as fast as it goes. With a tunnel they come out
// of it or go into it.
func pumped(frames stream.Spec, out bool) Drive {
	return func(ctx context.Context, s *Stand) (f Found, err error) {
		if !s.Row.Sized {
			frames.Size = fmt.Sprint(s.Size)
		}
		u, err := pump.New(pump.Options{Sockets: s.Sockets(), Split: s.Rings == "split", Frames: frames, Tunnel: s.Scene.Tunnel, Out: out})
		if err != nil {
			return f, err
		}
		defer func() { err = errors.Join(err, u.Close()) }()
		if s.obeys() {
			err = u.Effect(ctx, s.forward(ctx), s.Row.Rules)
		} else {
			err = u.Arrivals(ctx)
		}
		if err != nil {
			return f, err
		}
		stop := u.Run()
		defer stop()
		if err := pause(ctx, s.Options.Warm); err != nil {
			return f, err
		}
		return s.count(ctx, func() (received, offered uint64, err error) {
			received, offered = u.Counted()
			return received, offered, nil
		})
	}
}
