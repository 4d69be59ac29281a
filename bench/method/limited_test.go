package method

import (
	"context"
	"testing"
	"time"
)

// A generator offers less than it is asked for.
type generator struct {
	ceiling float64 // the most it offers, in frames a second; 0: no bound
	held    float64 // share of the time for which somebody else has its CPU
	deaf    bool    // beyond its ceiling it loses frames itself
	hiccups int     // trials in which it is held up, makes good for that by a burst, and the switch loses a little
}

// before has a switch tried by the generator.
func (g *generator) before(s *simulated) Trial {
	return func(ctx context.Context, rate float64, d time.Duration) (Outcome, error) {
		sent := rate * (1 - g.held)
		if g.ceiling > 0 {
			sent = min(sent, g.ceiling)
		}
		o, err := s.trial(ctx, sent, d)
		o.Sent = sent
		switch {
		case g.hiccups > 0:
			g.hiccups--
			o.Limits, o.Pace, o.Lost = []string{"held up"}, true, o.Lost+o.Offered/50
		case g.deaf && rate > g.ceiling:
			o.Limits, o.Lost = []string{"the sink left frames behind"}, o.Offered/3
		case sent < 0.95*rate:
			o.Limits, o.Pace = []string{"it did not keep up"}, true
		}
		return o, err
	}
}

func TestWhatCountsIsWhatTheGeneratorReallyOffered(t *testing.T) {
	for _, tt := range []struct {
		name     string
		capacity float64
		by       generator
		want     float64
		atLeast  bool
		most     int // trials
	}{
		{"a switch that is faster than the generator", 1e9, generator{ceiling: 4e6}, 4e6, true, 6},
		{"a generator that is faster than the switch", 3e6, generator{ceiling: 5e6}, 3e6, false, 45},
		{"one that is hardly faster", 3e6, generator{ceiling: 3.1e6}, 3e6, false, 70},
		{"one that is held up half of the time", 3e6, generator{held: 0.5}, 3e6, false, 120},
		{"one that is held up half of the time, before a switch that does all there is", 1e9, generator{held: 0.5}, 10e6, true, 6},
		{"one that loses frames itself when it has much to do", 1e9, generator{ceiling: 4e6, deaf: true}, 4e6, true, 100},
		{"the same, when the switch is slower", 3e6, generator{ceiling: 4e6, deaf: true}, 3e6, false, 100},
		{"one that is held up twice", 3e6, generator{hiccups: 2}, 3e6, false, 45},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, made, err := Search(t.Context(), Goals{Max: 20e6}, tt.by.before(newSimulated(tt.capacity, 0, 0)))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				want := min(tt.want/(1-f.Loss), 20e6)
				if tt.atLeast {
					want = tt.want
				}
				if r := f.Rate(); r > want*1.0005 || r < want*0.994 || f.AtLeast() != tt.atLeast {
					t.Errorf("loss of %v at most: found %.0f, at least: %v; want %.0f, %v: passed %+v, failed %+v, limited %+v",
						f.Loss, r, f.AtLeast(), want, tt.atLeast, f.Passed, f.Failed, f.Limited)
				}
			}
			if len(made) > tt.most {
				t.Errorf("%d trials, want at most %d", len(made), tt.most)
			}
			t.Logf("%d trials", len(made))
		})
	}
}

func TestWhatTrialsOfALimitedGeneratorSayTogether(t *testing.T) {
	tried := func(sent float64, lost uint64, pace bool) Tried {
		return Tried{Rate: 100, Duration: time.Second, Outcome: Outcome{Offered: 1000, Lost: lost, Sent: sent, Pace: pace, Limits: []string{"limit"}}}
	}
	for _, tt := range []struct {
		name  string
		tries []Tried
		says  int // -1: nothing yet
		sent  float64
	}{
		{"late is harder, not less", []Tried{tried(96, 0, true)}, passed, 96},
		{"lost when they were late is perhaps by bursts", []Tried{tried(96, 9, true), tried(96, 9, true)}, -1, 0},
		{"lost when they were late, again and again", []Tried{tried(96, 9, true), tried(97, 9, true), tried(98, 9, true)}, failed, 96},
		{"two are too few", []Tried{tried(80, 0, true), tried(80, 0, true)}, -1, 0},
		{"all passed: the most that was offered", []Tried{tried(70, 0, true), tried(80, 0, true), tried(60, 0, true)}, passed, 80},
		{"what arrived was forwarded, whatever the limit", []Tried{tried(70, 0, false), tried(80, 0, false), tried(90, 9, false)}, passed, 80},
		{"most lost a little", []Tried{tried(70, 0, true), tried(80, 9, true), tried(90, 9, true)}, failed, 70},
		{"one that lost much is enough", []Tried{tried(70, 500, true)}, failed, 70},
		{"what was lost is perhaps the generator's", []Tried{tried(70, 500, false), tried(70, 500, false), tried(70, 0, true)}, nothing, 70},
		{"offered little, and lost in part by the generator", []Tried{tried(70, 0, true), tried(80, 9, true), tried(90, 9, false)}, nothing, 70},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := Goals{Max: 200, Final: time.Second}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			s := search{Goals: g, made: tt.tries}
			list := s.verdicts(0, time.Second)
			if tt.says < 0 {
				if len(list) != 0 {
					t.Errorf("%+v", list)
				}
				return
			}
			if len(list) != 1 || list[0].says != tt.says || list[0].OfferedRate() != tt.sent {
				t.Errorf("%+v, want one that says %d, with %v", list, tt.says, tt.sent)
			}
		})
	}
}

func TestRoomBetweenWhatPassedAndWhatFailed(t *testing.T) {
	at := func(rate, sent float64) *Tried { return &Tried{Rate: rate, Outcome: Outcome{Sent: sent}} }
	for _, tt := range []struct {
		name string
		f    Found
		want bool
	}{
		{"nothing was tried", Found{}, true},
		{"nothing failed", Found{Passed: at(100, 100)}, true},
		{"all failed", Found{Failed: at(1, 1)}, false},
		{"next to each other", Found{Passed: at(100, 100), Failed: at(101, 101)}, false},
		{"both short alike", Found{Passed: at(100, 50), Failed: at(101, 52)}, false},
		{"the one that passed was short", Found{Passed: at(100, 50), Failed: at(101, 101)}, true},
		{"the one that failed was short", Found{Passed: at(100, 100), Failed: at(101, 50)}, false},
		{"nothing can be said from there on", Found{Passed: at(100, 100), Failed: at(200, 200), Limited: at(101, 101)}, true},
	} {
		if got := tt.f.AtLeast(); got != tt.want {
			t.Errorf("%s: at least: %v, want %v", tt.name, got, tt.want)
		}
	}
}
