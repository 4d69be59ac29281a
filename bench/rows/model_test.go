package rows

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/method"
)

// A model is a switch without a clock: it loses what is beyond a rate of new flows or addresses.
type model struct {
	t       *testing.T
	setUp   float64     // flows a second
	learns  float64     // addresses a second
	seen    [][2]uint32 // ranges of the source addresses of flows
	unknown uint64      // addresses that it did not learn
	forgot  int         // times it was told to forget
}

func (m *model) Run(_ context.Context, j gen.Job, _ func(gen.Progress)) (*gen.Result, error) {
	s := j.Streams[0]
	through := float64(s.Count)
	res := gen.StreamResult{Offered: s.Count}
	switch {
	case len(s.Vary) == 0: // the one who sends to addresses becomes known
	case s.Vary[0] == "source-address":
		m.fresh(s)
		through = min(through, m.setUp*float64(s.Count)/s.Rate)
	case s.Vary[0] == "source-mac":
		m.unknown = s.Count - uint64(min(through, m.learns*through/s.Rate))
	default:
		res.Astray, m.unknown = m.unknown, 0
	}
	res.Received = uint64(through)
	res.Lost = res.Offered - res.Received
	return &gen.Result{Streams: []gen.StreamResult{res}}, nil
}

// fresh sees that no flow comes twice.
func (m *model) fresh(s gen.Stream) {
	a := s.Source.Address.AsSlice()
	base := binary.BigEndian.Uint32(a[len(a)-4:])
	end := base + uint32(s.Flows)
	for _, r := range m.seen {
		if base < r[1] && r[0] < end {
			m.t.Fatalf("flows of %+v were there before", s.Spec)
		}
	}
	m.seen = append(m.seen, [2]uint32{base, end})
}

func (m *model) bench() *Bench {
	return &Bench{Generator: m, From: "a", To: "b", Third: "c", Forget: func(context.Context) error {
		m.forgot++
		return nil
	}}
}

func TestHowManyFlowsASecondASwitchSetsUp(t *testing.T) {
	m := &model{t: t, setUp: 1234}
	b := m.bench()
	found, made, err := b.FlowSetup(t.Context(), method.Goals{Max: 10_000})
	must(t, err)
	for i, want := range []float64{1234, 1234 / 0.995} {
		if r := found[i].Rate(); r > want*1.001 || r < want*0.993 {
			t.Errorf("found %.0f flows a second, want %.0f", r, want)
		}
	}
	if len(made) != m.forgot {
		t.Errorf("%d trials, before %d of which the switch was told to forget", len(made), m.forgot)
	}
	found, made, err = b.FlowSetup(t.Context(), method.Goals{Max: 1e8, Loss: []float64{0.5}, Trials: 1})
	must(t, err)
	if len(made) != 1 || made[0].Duration > 42*time.Millisecond || !found[0].Open {
		t.Errorf("more flows than there are, and one trial: %+v, %+v", made, found)
	}
}

func TestHowFastASwitchLearns(t *testing.T) {
	m := &model{t: t, learns: 40_000}
	b := m.bench()
	f, made, err := b.LearnRate(t.Context(), 1000, 1e6, 10_000)
	must(t, err)
	if r := f.Rate(); r > 40_000 || r < 38_000 {
		t.Errorf("found %.0f addresses a second, want 40000: %+v", r, made)
	}
	if want := time.Duration(1000 / f.Rate() * 1e9); f.Passed.Duration != want || m.forgot != len(made) {
		t.Errorf("%+v, want %v; forgot %d times in %d trials", f.Passed, want, m.forgot, len(made))
	}
	for _, l := range made {
		if l.Learned+int(l.Flooded) != l.Addresses {
			t.Errorf("%+v", l)
		}
	}
}
