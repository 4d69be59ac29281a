package storm

import (
	"errors"
	"testing"
	"time"
)

const (
	tries    = 3
	mostLoss = 0.01
)

// kept reports whether a phase shows that the promise was kept, however busy the machine was.
func kept(p *Phase) bool {
	offered := float64(p.Sent) / float64(p.Sent+p.Late)
	return p.Lost() >= 0 && p.Loss() < mostLoss && offered >= fairShare
}

func TestStormCostsEstablishedFlowsLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes seconds and two CPUs")
	}
	for _, k := range []Kind{Tuples, MACs} {
		t.Run(k.String(), func(t *testing.T) {
			var unfair error
			for range tries {
				r, err := Run(t.Context(), Options{Kind: k, Time: 400 * time.Millisecond})
				if errors.Is(err, ErrCPUs) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Log(r)
				if kept(&r.Storm) {
					accounted(t, &r.Storm)
					return
				}
				if unfair = Fair(&r.Storm); unfair == nil {
					t.Errorf("lost %.3f %% of the established flows' packets, want less than %v %%", 100*r.Storm.Loss(), 100*mostLoss)
				}
			}
			t.Skipf("the machine is too busy: %v", unfair)
		})
	}
}

// accounted checks that each new flow has been forwarded or is in a counter, and that the storm made no
// garbage.
func accounted(t *testing.T, p *Phase) {
	t.Helper()
	dropped := p.Refused
	for _, s := range p.Drops {
		dropped += s.Value
	}
	if got := p.NewReceived + dropped; got != p.New {
		t.Errorf("%d new flows: %d forwarded and %d dropped, %d missing", p.New, p.NewReceived, dropped, p.New-got)
	}
	if per := float64(p.Mallocs) / float64(p.New); per > 0.01 {
		t.Errorf("%.3f objects allocated for each new flow, want none", per)
	}
}

// BenchmarkNewFlows is a scan at a rate that nothing could keep up with: how many new flows the slow path
// takes in a second.
func BenchmarkNewFlows(b *testing.B) {
	for _, k := range []Kind{Tuples, MACs} {
		b.Run(k.String(), func(b *testing.B) {
			for b.Loop() {
				r, err := Run(b.Context(), Options{Kind: k, Rate: 2_000_000, Share: 0.001, Time: time.Second})
				if err != nil {
					b.Skip(err)
				}
				b.ReportMetric(r.Storm.Rate(Value(r.Storm.SlowPath, "served")), "served/s")
				b.ReportMetric(r.Storm.Rate(Value(r.Storm.SlowPath, "installed")), "installed/s")
				b.ReportMetric(r.Storm.Rate(r.Storm.New), "offered/s")
			}
		})
	}
}
