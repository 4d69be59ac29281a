package method

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// A disturbed switch loses frames in some of the parts of its trials, and its CPU is away in some.
type disturbed struct {
	lost  []uint64        // in each part that is made
	away  []time.Duration // likewise
	parts int
	times []time.Duration
}

func (d *disturbed) trial(_ context.Context, rate float64, long time.Duration) (Outcome, error) {
	o := Outcome{Offered: uint64(rate * long.Seconds()), Lost: d.lost[d.parts%len(d.lost)], P50: int64(d.parts)}
	d.times = append(d.times, long)
	return o, nil
}

func (d *disturbed) taken() (done func() (time.Duration, error), err error) {
	return func() (time.Duration, error) {
		away := d.away[d.parts%len(d.away)]
		d.parts++
		return away, nil
	}, nil
}

func TestWhatIsLostWhileOthersHaveTheCPUIsNotTheSwitchsLoss(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name  string
		lost  []uint64
		away  []time.Duration
		want  uint64 // frames lost, of 1,000,000 offered in a second
		again int
	}{
		{"nothing happens", []uint64{0}, []time.Duration{0}, 0, 0},
		{"others have the CPU, and the rings hold what comes", []uint64{0}, []time.Duration{ms}, 0, 0},
		{"others have it in one part, and it costs frames", []uint64{0, 900, 0, 0, 0, 0}, []time.Duration{0, ms, 0, 0, 0, 0}, 0, 1},
		{"frames are lost without that", []uint64{0, 900, 0, 0, 0}, []time.Duration{0}, 900, 0},
		{"more are lost than came meanwhile", []uint64{0, 1100, 0, 0, 0}, []time.Duration{0, ms, 0, 0, 0}, 1100, 0},
		{"others have the CPU all the time", []uint64{900}, []time.Duration{ms}, 5 * 900, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &disturbed{lost: tt.lost, away: tt.away}
			o, err := Undisturbed(d.trial, d.taken)(t.Context(), 1e6, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if o.Lost != tt.want || o.Offered != 1_000_000 || o.Again != tt.again || o.Sent != 1e6 {
				t.Errorf("%d of %d lost at %.0f, %d parts again, want %d of 1000000 and %d", o.Lost, o.Offered, o.Sent, o.Again, tt.want, tt.again)
			}
			if n := 5 + tt.again; len(d.times) != n || slices.Max(d.times) != PartTime {
				t.Errorf("parts of %v, want %d of %v", d.times, n, PartTime)
			}
			if want := int64(4 + tt.again); o.P50 != want {
				t.Errorf("half within %d ns, want the worst part's %d", o.P50, want)
			}
		})
	}
}

func TestATrialOfPartsIsLimitedIfOneIs(t *testing.T) {
	late, other := Outcome{Offered: 1, Limits: []string{"late"}, Pace: true}, Outcome{Offered: 1, Limits: []string{"full"}}
	for _, tt := range []struct {
		name  string
		parts []Outcome
		pace  bool
	}{
		{"none", []Outcome{{Offered: 1}, {Offered: 1}}, false},
		{"one by its pace", []Outcome{{Offered: 1}, late}, true},
		{"one by its pace, before others", []Outcome{late, {Offered: 1}}, true},
		{"one otherwise", []Outcome{other, {Offered: 1}}, false},
		{"both ways", []Outcome{late, other}, false},
		{"both ways, the other way round", []Outcome{other, late}, false},
	} {
		var all Outcome
		limited := false
		for _, p := range tt.parts {
			all.add(p, len(tt.parts))
			limited = limited || p.Limited()
		}
		if all.Limited() != limited || all.Pace != tt.pace {
			t.Errorf("%s: limited %v, by pace alone %v, want %v and %v", tt.name, all.Limited(), all.Pace, limited, tt.pace)
		}
	}
}

func TestASwitchThatCannotBeWatchedEndsTheTrial(t *testing.T) {
	gone := errors.New("gone")
	d := &disturbed{lost: []uint64{0}, away: []time.Duration{0}}
	before := func() (func() (time.Duration, error), error) { return nil, gone }
	after := func() (func() (time.Duration, error), error) {
		return func() (time.Duration, error) { return 0, gone }, nil
	}
	for _, taken := range []Taken{before, after} {
		if _, err := Undisturbed(d.trial, taken)(t.Context(), 1e6, time.Second); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	}
}
