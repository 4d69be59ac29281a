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

// Limited reports whether the outcome says nothing of the switch, because the generator was the limit.
func (o Outcome) Limited() bool { return len(o.Limits) > 0 }

// A Trial offers a rate, in frames a second, for some time.
type Trial func(ctx context.Context, rate float64, d time.Duration) (Outcome, error)

// A Tried is a trial that was made.
type Tried struct {
	Rate     float64       `json:"rate"` // frames a second
	Duration time.Duration `json:"duration_ns"`
	Outcome
}
