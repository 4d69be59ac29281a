package suite

import (
	"context"
	"errors"
	"time"
)

// How long a switch may take until it looks packets up as a row says, how often it is asked, and in how many of these looks on end it is to do so: while
// Open vSwitch looks through its cached flows, twice a second, it may forget some.
const (
	settleTime  = 30 * time.Second
	settleLook  = 150 * time.Millisecond
	settleLooks = 5
)

// settled waits, behind p, until the caches have all that they are to have. A row with many cached flows needs that: Open vSwitch caches no more than 10,000
// at first, and 1000 more each time that it has looked through all of them (ofproto/ofproto-dpif-upcall.c, flow_limit).
func settled(p Prepare) Prepare {
	return func(ctx context.Context, s *Stand) (Driver, error) {
		d, err := p(ctx, s)
		if err != nil {
			return nil, err
		}
		if err := s.settle(ctx); err != nil {
			return nil, errors.Join(err, unless(err, d.Close))
		}
		return d, nil
	}
}

// settle waits, while packets pass, until the switch looks them up as the row says, for settleTime at most: who never does has windows that are left out.
func (s *Stand) settle(ctx context.Context) error {
	so := 0
	for end := time.Now().Add(settleTime); so < settleLooks && time.Now().Before(end); {
		if err := errors.Join(s.Switch.Clear(ctx), pause(ctx, settleLook)); err != nil {
			return err
		}
		var f Found
		if _, err := f.account(ctx, s); err != nil {
			return err
		}
		if so++; f.AsSaid < hitShare {
			so = 0
		}
	}
	return nil
}
