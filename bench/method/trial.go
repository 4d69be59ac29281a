package method

import (
	"context"
	"time"
)

// An Outcome is what became of the frames of one trial.
type Outcome struct {
	Offered uint64    `json:"offered"`
	Lost    uint64    `json:"lost"`
	Limits  []string  `json:"limits,omitempty"` // why it may not have been the switch that set the figures
	Pace    bool      `json:"pace,omitempty"`   // all of Limits are about when frames left: those that did leave are the switch's to lose
	Sent    float64   `json:"sent,omitempty"`   // rate that was really offered, in frames a second; 0: that of the trial
	Again   int       `json:"again,omitempty"`  // parts that were made once more, see Undisturbed
	Probes  []float64 `json:"probes,omitempty"` // of the machine before and after, see Probed
	Class   string    `json:"class,omitempty"`  // of the machine meanwhile, see Class

	P50   int64 `json:"p50_ns,omitempty"` // latency: half of the frames took no longer
	P99   int64 `json:"p99_ns,omitempty"`
	P999  int64 `json:"p99.9_ns,omitempty"`
	P9999 int64 `json:"p99.99_ns,omitempty"`
}

// Loss returns the share of the frames that were lost; 1 if there were none.
func (o Outcome) Loss() float64 {
	if o.Offered == 0 {
		return 1
	}
	return float64(o.Lost) / float64(o.Offered)
}

// Limited reports whether the generator was the limit: the rate is not what was asked for, or what was lost is perhaps not the
// switch's loss. What arrived has been forwarded in any case.
func (o Outcome) Limited() bool { return len(o.Limits) > 0 }

// passes reports whether the switch forwarded what was offered, but for a share.
func (o Outcome) passes(loss float64) bool { return o.Loss() <= loss }

// fails reports whether it was the switch that lost more than a share. A generator that was held up makes good for a part of it by a
// burst, which costs some frames; clearly more is not lost by that.
func (o Outcome) fails(loss float64) bool {
	return o.Loss() > loss && (!o.Limited() || o.Pace && o.Loss() > loss+burstLoss)
}

// Missing is the share of its frames that a generator may leave out and still have offered the rate that was asked for: it is not the whole truth of
// a rate that is searched for to some per cent.
const Missing = 0.05

// late reports whether frames left late, and perhaps a few of them not, but at the rate that was asked for on the whole: a switch has more to do
// with them then, not less.
func (t *Tried) late() bool { return t.Pace && t.OfferedRate() >= (1-Missing)*t.Rate }

// burstLoss is the share of frames that a generator's bursts may have cost.
const burstLoss = 0.1

// A Trial offers a rate, in frames a second, for some time.
type Trial func(ctx context.Context, rate float64, d time.Duration) (Outcome, error)

// A Tried is a trial that was made.
type Tried struct {
	Rate     float64       `json:"rate"` // frames a second
	Duration time.Duration `json:"duration_ns"`
	Outcome
}

// OfferedRate is the rate at which frames were really offered, in frames a second.
func (t Tried) OfferedRate() float64 {
	if t.Sent > 0 {
		return min(t.Sent, t.Rate)
	}
	return t.Rate
}
