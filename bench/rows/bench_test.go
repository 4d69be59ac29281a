package rows

import (
	"context"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
)

// A recorder is a generator that does nothing but keep the job.
type recorder struct{ job gen.Job }

func (r *recorder) Run(_ context.Context, j gen.Job, _ func(gen.Progress)) (*gen.Result, error) {
	r.job = j
	return &gen.Result{Streams: make([]gen.StreamResult, len(j.Streams))}, nil
}

func TestEveryTrialIsHeldAgainstWhatTheGeneratorDoesByItself(t *testing.T) {
	var r recorder
	b := &Bench{Generator: &r, From: "a", To: "b", Ceiling: 2e7}
	if _, err := b.Trial()(t.Context(), 1000, time.Second); err != nil || r.job.Ceiling != 2e7 {
		t.Errorf("the job's ceiling is %v, %v; want that of the bench", r.job.Ceiling, err)
	}
}
