package faulty

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/option"
	"github.com/culvertdev/culvert/ring/frame"
)

// prefix marks the options that are ours.
const prefix = "fault-"

// A Driver opens another driver's ports, with faults when the options ask for them.
//
// Thread-safety: all methods are safe for concurrent use when the inner driver's are.
type Driver struct {
	inner pmd.Driver
	pool  *frame.Pool
}

// New returns a driver that opens ports by inner, whose frames are of pool.
func New(inner pmd.Driver, pool *frame.Pool) *Driver { return &Driver{inner: inner, pool: pool} }

// Open implements pmd.Driver. Options that begin with fault- are its own, the others the inner
// driver's; without any of its own the port is the inner driver's as it is. DIR is rx or tx.
//
//	fault-seed             whole number       where the random sequences begin               default 0
//	fault-DIR-drop         0 to 1, per frame  the frame is lost                              default 0
//	fault-DIR-truncate     0 to 1, per frame  only its beginning is left                     default 0
//	fault-DIR-corrupt      0 to 1, per frame  one bit is flipped                             default 0
//	fault-DIR-duplicate    0 to 1, per frame  a copy follows                                 default 0
//	fault-DIR-reorder      0 to 1, per frame  it changes places with the next one            default 0
//	fault-tx-partial       0 to 1, per Send   the end of the batch is lost                   default 0
//	fault-stall            0 to 1, per Recv   the queue delivers nothing …                   default 0
//	fault-stall-calls      1 to 1000000       … for so many calls of Recv                    default 100
//	fault-flap             0 to 1, per Recv   the link is down …                             default 0
//	fault-flap-calls       1 to 1000000       … for so many calls of Recv                    default 100
//	fault-exhaust          0 to 1, per Recv   the arena has no free buffer …                 default 0
//	fault-exhaust-calls    1 to 1000000       … for so many calls of Recv                    default 100
//	fault-fail-after       whole number       the port stops after so many received frames   default 0, never
func (d *Driver) Open(ctx context.Context, name string, options map[string]string) (pmd.Port, error) {
	ours, theirs := split(options)
	if len(ours) == 0 {
		return d.inner.Open(ctx, name, theirs)
	}
	faults, err := parse(ours)
	if err != nil {
		return nil, fmt.Errorf("open port %s with faults: %w", name, err)
	}
	inner, err := d.inner.Open(ctx, name, theirs)
	if err != nil {
		return nil, err
	}
	p, err := Wrap(inner, d.pool, faults)
	if err != nil {
		return nil, fmt.Errorf("open port %s with faults: %w", name, err)
	}
	return p, nil
}

// CheckOptions returns a check of options for ports with faults: its own, and by inner, which may be the
// CheckOptions of any driver, the others.
func CheckOptions(inner func(map[string]string) error) func(map[string]string) error {
	return func(options map[string]string) error {
		ours, theirs := split(options)
		_, err := parse(ours)
		return errors.Join(err, inner(theirs))
	}
}

// split divides options into those for faults and those of the inner driver.
func split(options map[string]string) (ours, theirs map[string]string) {
	ours, theirs = make(map[string]string), make(map[string]string)
	for k, v := range options {
		if strings.HasPrefix(k, prefix) {
			ours[k] = v
		} else {
			theirs[k] = v
		}
	}
	return ours, theirs
}

func parse(options map[string]string) (Faults, error) {
	const most = 1_000_000
	s := option.Of(options)
	f := Faults{
		Seed:         s.Uint64("fault-seed", 0),
		Rx:           direction(s, "fault-rx-"),
		Tx:           direction(s, "fault-tx-"),
		TxPartial:    s.Probability("fault-tx-partial"),
		Stall:        s.Probability("fault-stall"),
		StallCalls:   s.Int("fault-stall-calls", defaultCalls, 1, most),
		Flap:         s.Probability("fault-flap"),
		FlapCalls:    s.Int("fault-flap-calls", defaultCalls, 1, most),
		Exhaust:      s.Probability("fault-exhaust"),
		ExhaustCalls: s.Int("fault-exhaust-calls", defaultCalls, 1, most),
		FailAfter:    s.Uint64("fault-fail-after", 0),
	}
	return f, s.Err()
}

func direction(s *option.Set, prefix string) Direction {
	return Direction{
		Drop:      s.Probability(prefix + "drop"),
		Truncate:  s.Probability(prefix + "truncate"),
		Corrupt:   s.Probability(prefix + "corrupt"),
		Duplicate: s.Probability(prefix + "duplicate"),
		Reorder:   s.Probability(prefix + "reorder"),
	}
}
