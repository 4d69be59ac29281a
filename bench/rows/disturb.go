package rows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/sink"
	"github.com/culvertdev/culvert/bench/method"
)

// A Disturbance is something that is done to a switch under load: it is restarted, killed and started again, its rules are
// changed.
type Disturbance struct {
	Do    func(context.Context) error
	After time.Duration // from the beginning of the load
	Every time.Duration // from one time to the next; 0: it is done once
}

// A Disturbed is what came of it.
type Disturbed struct {
	Seen
	Rate    float64         `json:"rate"` // frames a second
	Times   int             `json:"times"`
	Took    []time.Duration `json:"took_ns"` // until it was done, as the switch said; those of the first 1000
	Offered uint64          `json:"offered"`
	Lost    uint64          `json:"lost"`
	Calm    uint64          `json:"lost_undisturbed"` // of as many frames, just before, with nothing done
	// Blocked is the time for which the switch stood still in all, by the frames that were lost: their number divided by the
	// rate (RFC 6201 section 4.1). It is right if nothing was lost undisturbed.
	Blocked   time.Duration `json:"blocked_ns"`
	Silence   time.Duration `json:"longest_silence_ns"`    // between two arrivals (RFC 6201 section 4.2)
	SilenceAt time.Duration `json:"longest_silence_at_ns"` // from the beginning of the load
	Latency   *sink.Latency `json:"latency"`
	Before    *sink.Latency `json:"latency_undisturbed"`
}

// maxTook bounds how many times are kept.
const maxTook = 1000

// Disturb offers a rate, in frames a second, for a time, first with nothing done and then with a disturbance. It is an error
// when what was begun has not ended by then: whatever it did is not all seen.
func (b *Bench) Disturb(ctx context.Context, rate float64, d time.Duration, what Disturbance) (v Disturbed, err error) {
	if !(rate > 0) || what.After < 0 || what.After >= d || what.Every < 0 {
		return v, fmt.Errorf("a rate of %v for %v, disturbed after %v: want a rate, and less", rate, d, what.After)
	}
	v.Rate = rate
	err = b.probed(&v.Seen, func() error {
		calm, err := b.steady(ctx, d, b.stream(rate))
		if err != nil {
			return err
		}
		r, err := b.disturbed(ctx, d, what, &v)
		if err != nil {
			return err
		}
		s := r.Streams[0]
		v.Limits, v.Offered, v.Lost, v.Calm = append(calm.Limits, r.Limits...), s.Offered, s.Lost, calm.Streams[0].Lost
		v.Blocked = method.Blocked(s.Lost, rate)
		v.Silence, v.SilenceAt = time.Duration(s.Silence), time.Duration(s.SilenceAt)
		v.Latency, v.Before = r.Latency, calm.Latency
		return nil
	})
	return v, err
}

// disturbed runs the load and the disturbance side by side.
func (b *Bench) disturbed(ctx context.Context, d time.Duration, what Disturbance, v *Disturbed) (*gen.Result, error) {
	during, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- what.repeat(during, v) }()
	r, err := b.steady(ctx, d, b.stream(v.Rate))
	if err != nil {
		cancel()
		return nil, errors.Join(err, <-done)
	}
	if what.Every > 0 {
		cancel() // no more; one that is at work ends
		return r, <-done
	}
	select {
	case err := <-done:
		return r, err
	default:
		cancel()
		<-done
		return nil, fmt.Errorf("after %v of load what was done to the switch had not ended: want more time", d)
	}
}

// repeat does it once, or again and again until ctx ends, which what is at work does not see then.
func (what Disturbance) repeat(ctx context.Context, v *Disturbed) error {
	timer := time.NewTimer(what.After)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		begun := time.Now()
		doing := ctx
		if what.Every > 0 {
			doing = context.WithoutCancel(ctx)
		}
		if err := what.Do(doing); err != nil {
			return fmt.Errorf("disturb the switch: %w", err)
		}
		v.Times++
		if len(v.Took) < maxTook {
			v.Took = append(v.Took, time.Since(begun))
		}
		if what.Every == 0 {
			return nil
		}
		timer.Reset(max(0, what.Every-time.Since(begun)))
	}
}
