package suite

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/culvertdev/culvert/bench/flood"
	"github.com/culvertdev/culvert/bench/testpmd"
)

// flowgen drives a switch by testpmd's mode of that name: so many flows from each of two guests to the other, as fast as it goes. Flows
// differ in their destination address, from 10.253.0.0 on.
func flowgen(flows int) Prepare {
	return func(ctx context.Context, s *Stand) (Driver, error) {
		g, err := s.testpmd(ctx, testpmd.Options{Mode: "flowgen", Flows: flows, Length: s.Size})
		if err != nil {
			return nil, err
		}
		if err := effect(ctx, s, g.Testpmd); err != nil {
			return nil, errors.Join(err, unless(err, g.Close))
		}
		return g, nil
	}
}

// A running testpmd sends and receives until it is stopped.
type running struct {
	*testpmd.Testpmd
	s *Stand
}

// testpmd starts the generator between the switch's ports.
func (s *Stand) testpmd(ctx context.Context, o testpmd.Options) (*running, error) {
	for i, socket := range s.Sockets() {
		o.Ports = append(o.Ports, testpmd.Guest{Socket: socket, MAC: guestMAC(i), Packed: s.Rings == "packed", InOrder: true, RingSize: flood.RingSize})
	}
	o.Name, o.CPU, o.Main, o.RingSize = "generator-"+filepath.Base(s.Scene.Dir), s.Scene.Main, s.Scene.Main, flood.RingSize
	o.Buffers, o.Spawn = s.Options.Buffers, s.Scene.Space.Start
	g, err := testpmd.Start(ctx, o)
	return &running{g, s}, err
}

func guestMAC(i int) net.HardwareAddr { return net.HardwareAddr{0, 0, 0, 0, 0, byte(i + 1)} }

// Turn counts what the generator, which runs, receives.
func (g *running) Turn(ctx context.Context, warm, window time.Duration) (Found, error) {
	if err := pause(ctx, warm); err != nil {
		return Found{}, err
	}
	return g.s.count(ctx, window, func() (received, offered uint64, err error) {
		c, err := g.Counters(ctx)
		return testpmd.Received(c), 0, err
	})
}

func (g *running) Close() error { return g.Stop() }

// effect starts the generator and sees to it that it is the rules that move packets: none arrive while all are to
// be dropped, and both ports receive as soon as the row's rules are there. A switch without look-ups is only
// watched to forward.
func effect(ctx context.Context, s *Stand, g *testpmd.Testpmd) error {
	forward, obeys := s.forward(ctx), s.obeys()
	if obeys {
		if err := forward("actions=drop"); err != nil {
			return err
		}
	}
	if err := g.Forward(ctx); err != nil {
		return err
	}
	if obeys {
		if err := silence(ctx, g); err != nil {
			return err
		}
	}
	if err := forward(s.Row.Rules...); err != nil {
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

// unless returns what f does when there is no error yet: of two, the first is the cause.
func unless(err error, f func() error) error {
	if second := f(); err == nil {
		return second
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
