package suite

import (
	"context"
	"errors"

	"github.com/culvertdev/culvert/bench/testpmd"
)

// loop drives a switch by packets that go round and round: two guests each of which sends what it receives back to the other, by
// Ethernet addresses that the switch learns.
func loop(ctx context.Context, s *Stand) (_ Driver, err error) {
	g, err := s.testpmd(ctx, testpmd.Options{Mode: "mac", Extra: []string{"--eth-peer=0," + guestMAC(1).String(), "--eth-peer=1," + guestMAC(0).String()}})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unless(err, g.Close))
		}
	}()
	forward := s.forward(ctx)
	if s.obeys() {
		if err := errors.Join(forward("actions=drop"), begin(ctx, g.Testpmd), silence(ctx, g.Testpmd), g.Halt(ctx)); err != nil {
			return nil, err
		}
	}
	return g, errors.Join(forward(s.Row.Rules...), begin(ctx, g.Testpmd), arrivals(ctx, g.Testpmd))
}

// begin puts 16 bursts of 32 packets on each port's way, half of what a ring has room for, and has them go round.
func begin(ctx context.Context, g *testpmd.Testpmd) error {
	_, err := g.Run(ctx, "start tx_first 16")
	return err
}
