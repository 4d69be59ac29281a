// Package faulty wraps a port and makes it misbehave, for tests of what stands above: frames lost,
// doubled, cut short, changed, overtaken, queues that stall, a link that flaps, an arena without
// buffers, a device that goes away.
//
// What happens follows from the seed and from the calls made, never from time: each queue draws from
// a sequence of its own, and what lasts is counted in calls. The same calls meet the same faults.
//
// It breaks traffic, not the contract: frames keep having one owner, Send still consumes, and what a
// queue delivers is well-formed as a frame, whatever its bytes say.
//
// Thread-safety: as [pmd.Port] says. Memory: frames held back belong to the wrapper until they are
// delivered, or the port is closed.
package faulty

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

// ErrInjected is the reason why a port stops after Faults.FailAfter frames.
var ErrInjected = errors.New("fault injected: the device is gone")

// defaultCalls is how long a fault lasts that lasts, when Faults does not say.
const defaultCalls = 100 // calls of Recv

// Direction says what happens to frames that go one way: the probability of each fault, per frame,
// from 0 to 1. They are drawn for in this order; a dropped frame meets no others.
type Direction struct {
	Drop      float64
	Truncate  float64 // keep a random number of bytes, at least 0 and fewer than it had
	Corrupt   float64 // flip one random bit
	Duplicate float64 // a copy follows
	Reorder   float64 // the frame changes places with the one behind it
}

// Faults say how a port misbehaves. The zero value does nothing.
type Faults struct {
	Seed uint64
	Rx   Direction
	Tx   Direction
	// TxPartial is the probability, per Send, that a random number of frames at the end of the batch
	// is dropped, as when a ring is full.
	TxPartial float64
	// Stall, Flap and Exhaust are probabilities per Recv that is called while none of them lasts. For
	// the number of calls beside it (default 100) a stalled queue delivers nothing; a link that is down
	// loses what is received and sent on any queue; and an exhausted arena has no buffer left beyond
	// what caches hold in stock.
	Stall        float64
	StallCalls   int
	Flap         float64
	FlapCalls    int
	Exhaust      float64
	ExhaustCalls int
	// FailAfter stops the port with ErrInjected once its queues have delivered that many frames; 0
	// means never.
	FailAfter uint64
}

// check names the first field out of range.
func (f *Faults) check() error {
	for _, p := range []struct {
		name string
		p    float64
	}{
		{"Rx.Drop", f.Rx.Drop}, {"Rx.Truncate", f.Rx.Truncate}, {"Rx.Corrupt", f.Rx.Corrupt},
		{"Rx.Duplicate", f.Rx.Duplicate}, {"Rx.Reorder", f.Rx.Reorder},
		{"Tx.Drop", f.Tx.Drop}, {"Tx.Truncate", f.Tx.Truncate}, {"Tx.Corrupt", f.Tx.Corrupt},
		{"Tx.Duplicate", f.Tx.Duplicate}, {"Tx.Reorder", f.Tx.Reorder},
		{"TxPartial", f.TxPartial}, {"Stall", f.Stall}, {"Flap", f.Flap}, {"Exhaust", f.Exhaust},
	} {
		if !(p.p >= 0 && p.p <= 1) { // NaN is neither
			return fmt.Errorf("fault %s: want a probability from 0 to 1, found %v", p.name, p.p)
		}
	}
	for _, n := range []*int{&f.StallCalls, &f.FlapCalls, &f.ExhaustCalls} {
		if *n == 0 {
			*n = defaultCalls
		}
		if *n < 0 {
			return fmt.Errorf("fault lasts %d calls: want at least 1", *n)
		}
	}
	return nil
}

// Wrap returns inner with faults. It owns inner from then on, and closes it when it fails. pool is
// the one whose frames inner carries.
func Wrap(inner pmd.Port, pool *frame.Pool, faults Faults) (*Port, error) {
	if err := faults.check(); err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	p, err := wrap(inner, pool, faults)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return p, nil
}
