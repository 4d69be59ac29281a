package storm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/culvertdev/culvert/pmd/memport"
)

// Kind is what makes each packet of the storm a new flow.
type Kind uint8

// Kinds of storm.
const (
	// Tuples: new IPv4 addresses and UDP ports, behind an access list that looks at all of them.
	Tuples Kind = iota
	// MACs: new source addresses, on a bridge that does nothing but learn. Each of them is entered into
	// the address table, out of which it pushes another.
	MACs
	// Changes: no new flows, but a long access list whose rules change all the time.
	Changes
)

func (k Kind) String() string {
	switch k {
	case MACs:
		return "new MAC addresses, NORMAL"
	case Changes:
		return "changes of rules, long access list and NORMAL"
	}
	return "new addresses and ports, access list and NORMAL"
}

// Options say what to run. The zero value of each field picks the default named beside it.
type Options struct {
	Kind  Kind
	Rate  int           // new flows offered, packets a second; default 200,000; Changes: changes, default 50,000
	Share float64       // of what the established flows reach alone, that they are offered; default 0.5
	Flows int           // established flows; default 64, at most 24576
	Time  time.Duration // of each of the three phases; default 2 s
	Rules int           // Changes: in the access list; default 100,000
	Cache int           // megaflows the switch has room for; default that of the switch
	// Ring is how many packets may wait for the worker at a port: a power of two from 8192, which is the default, to 32768. At 12 million
	// packets a second 8192 last for 0.7 ms, and machines keep a thread off its CPU for longer than that.
	Ring int
}

// Bounds of Options.Ring.
const (
	minRing = 8192
	maxRing = memport.MaxRingSize / outRings
)

func (o *Options) setDefaults() error {
	if o.Rate == 0 {
		o.Rate = 200_000
		if o.Kind == Changes {
			o.Rate = 50_000
		}
	}
	if o.Rules == 0 {
		o.Rules = 100_000
	}
	if o.Share == 0 {
		o.Share = 0.5
	}
	if o.Flows == 0 {
		o.Flows = 64
	}
	if o.Ring == 0 {
		o.Ring = minRing
	}
	if o.Time == 0 {
		o.Time = 2 * time.Second
	}
	if o.Rate < 0 || o.Share < 0 || o.Flows < 0 || o.Flows > inStock || o.Time < 0 {
		return fmt.Errorf("storm of %+v: want numbers that are not negative, and at most %d flows", *o, inStock)
	}
	if o.Ring < minRing || o.Ring > maxRing || o.Ring&(o.Ring-1) != 0 {
		return fmt.Errorf("storm with rings of %d packets: want a power of two from %d to %d", o.Ring, minRing, maxRing)
	}
	return nil
}

// Run measures what the established flows reach alone, offers them a share of that, first in calm, then
// in the storm. It needs two CPUs: see [ErrCPUs].
func Run(ctx context.Context, o Options) (res Result, err error) {
	if err := o.setDefaults(); err != nil {
		return res, err
	}
	m, err := reserve()
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, m.release()) }()
	r, err := newRig(o, m.worker)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	res.Options, res.CPU = o, m.worker
	if err := r.introduce(ctx); err != nil {
		return res, err
	}
	res.Alone = r.saturate(ctx, o.Time)
	res.Calm = r.offer(ctx, o.Share*res.Alone, 0, o.Time)
	if o.Kind == Changes {
		var wrong error
		res.Storm, wrong = r.offerAmidChanges(ctx, o.Share*res.Alone, float64(o.Rate), o.Time)
		return res, errors.Join(ctx.Err(), r.calm.err, wrong)
	}
	// The storm fills the flow cache within its first second; figures are those of the time after.
	r.offer(ctx, o.Share*res.Alone, float64(o.Rate), min(o.Time, time.Second))
	runtime.GC()
	res.Storm = r.offer(ctx, o.Share*res.Alone, float64(o.Rate), o.Time)
	return res, errors.Join(ctx.Err(), r.calm.err)
}
