package pace

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// send runs a pace from 0 to a time by a sender that looks every step cycles and sends up to most frames at a time. It
// returns when each frame left.
func send(p Pace, until, step int64, most int) (left []int64) {
	p.Start(0)
	for now := int64(0); now <= until; now += step {
		n := min(p.Due(now), most)
		p.Sent(n, now)
		for range n {
			left = append(left, now)
		}
	}
	return left
}

func TestFramesLeaveWhenTheyAreDue(t *testing.T) {
	for _, tt := range []struct {
		name        string
		o           Options
		until, step int64
		want        []int64
	}{
		{"each by itself", Options{Interval: 10}, 45, 1, []int64{0, 10, 20, 30, 40}},
		{"an interval that is no whole number", Options{Interval: 2.5}, 10, 1, []int64{0, 3, 5, 8, 10}},
		{"in bursts, each when it is complete", Options{Interval: 10, Burst: 3}, 65, 1, []int64{0, 0, 0, 30, 30, 30, 60, 60, 60}},
		{"a count, the last burst of which is short and complete sooner", Options{Interval: 10, Burst: 3, Count: 4}, 99, 1, []int64{0, 0, 0, 10}},
		{"a sender that looks seldom", Options{Interval: 10, Bound: 100}, 50, 25, []int64{0, 25, 25, 50, 50, 50}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := send(NewSteady(tt.o), tt.until, tt.step, 100); !slices.Equal(got, tt.want) {
				t.Errorf("frames left at %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAPaceWithoutIntervalIsAlwaysDue(t *testing.T) {
	p := NewSteady(Options{Count: 100})
	p.Start(5)
	if n := p.Due(5); n != 100 {
		t.Fatalf("%d frames are due, want all 100", n)
	}
	p.Sent(64, 5)
	p.Sent(36, 5)
	if n := p.Due(6); n != 0 || p.Left() || p.Lag() != (Lag{}) {
		t.Errorf("after the last: %d due, left %v, %+v", n, p.Left(), p.Lag())
	}
}

func TestARateHoldsOverALongTime(t *testing.T) {
	const interval = 181.37 // cycles
	p := NewSteady(Options{Interval: interval, Bound: 1 << 20})
	r := rand.New(rand.NewPCG(1, 1))
	p.Start(1 << 50) // a machine that was up for long
	var sent uint64
	now := int64(1 << 50)
	for range 1_000_000 {
		n := min(p.Due(now), 64)
		p.Sent(n, now)
		sent += uint64(n)
		now += r.Int64N(4000)
	}
	want := uint64(float64(now-1<<50) / interval)
	if sent > want+1 || sent < want-100 {
		t.Errorf("%d frames in %d cycles, want %d", sent, now-1<<50, want)
	}
	if l := p.Lag(); l.Skipped != 0 {
		t.Errorf("%d frames were left out by a sender that kept up", l.Skipped)
	}
}

func TestASenderThatWasHeldUpCatchesUpToABound(t *testing.T) {
	p := NewSteady(Options{Interval: 10, Bound: 100, Slack: 50})
	p.Start(0)
	p.Sent(p.Due(0), 0)
	if n := p.Due(1000); n != 11 {
		t.Fatalf("%d frames are due after 1000 cycles, want 11: those of the last 100", n)
	}
	p.Sent(11, 1000)
	if got, want := p.Lag(), (Lag{Longest: 100, Late: 11, Skipped: 89}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if n := p.Due(1009); n != 0 {
		t.Errorf("%d frames are due before the next", n)
	}
	if n := p.Due(1010); n != 1 {
		t.Errorf("%d frames are due when the next is, want 1", n)
	}
}

func TestOneFrameASecondIsNeverLeftOut(t *testing.T) {
	const second = 3_000_000_000
	p := NewSteady(Options{Interval: second, Bound: 1000})
	if got := send(p, 3*second, second/2, 64); !slices.Equal(got, []int64{0, second, 2 * second, 3 * second}) {
		t.Errorf("frames left at %v", got)
	}
	if p.Lag().Skipped != 0 {
		t.Error(p.Lag())
	}
}

func TestARecordingComesAgainWithItsTiming(t *testing.T) {
	p := NewRecorded([]int64{0, 5, 5, 20}, 30, 2, 0, Options{Slack: 100})
	if got, want := send(p, 100, 1, 64), []int64{0, 5, 5, 20, 30, 35, 35, 50}; !slices.Equal(got, want) {
		t.Errorf("frames left at %v, want %v", got, want)
	}
	if p.Left() || p.Lag().Longest != 0 {
		t.Errorf("left %v, %+v", p.Left(), p.Lag())
	}
}

func TestARecordingEndsWithWhatIsDueBefore(t *testing.T) {
	for _, c := range []struct {
		end  int64
		want []int64
	}{{35, []int64{0, 5, 5, 20, 30}}, {36, []int64{0, 5, 5, 20, 30, 35, 35}}, {5, []int64{0}}, {1000, []int64{0, 5, 5, 20, 30, 35, 35, 50}}} {
		p := NewRecorded([]int64{0, 5, 5, 20}, 30, 2, c.end, Options{})
		if got := send(p, 100, 1, 64); !slices.Equal(got, c.want) || p.Left() {
			t.Errorf("an end at %d: frames left at %v, want %v; left: %v", c.end, got, c.want, p.Left())
		}
	}
	late := NewRecorded([]int64{0, 10, 20, 30}, 40, 1, 25, Options{Bound: 5})
	late.Start(0)
	late.Sent(late.Due(0), 0)
	late.Sent(late.Due(1000), 1000) // frame 1, and the others come as much later
	if late.Sent(late.Due(1010), 1010); late.Left() {
		t.Error("a frame that was due after the end comes since others were late")
	}
}

func TestARecordingWaitsForASenderThatWasHeldUp(t *testing.T) {
	p := NewRecorded([]int64{0, 10, 20, 30}, 40, 1, 0, Options{Bound: 5, Slack: 5})
	p.Start(0)
	p.Sent(p.Due(0), 0)
	if n := p.Due(1000); n != 1 { // frame 1 counts as 5 late, so frame 2 is due 5 from now
		t.Fatalf("%d frames are due, want 1", n)
	}
	p.Sent(1, 1000)
	if a, b := p.Due(1004), p.Due(1005); a != 0 || b != 1 {
		t.Errorf("then %d and %d, want 0 and 1", a, b)
	}
	if p.Lag().Longest != 990 {
		t.Errorf("%+v, want to have been 990 late", p.Lag())
	}
}

func TestAPaceMakesNoGarbage(t *testing.T) {
	steady, recorded := NewSteady(Options{Interval: 3}), NewRecorded([]int64{0, 1}, 2, 1<<30, 0, Options{})
	now := int64(0)
	for _, p := range []Pace{steady, recorded} {
		p.Start(now)
		if n := testing.AllocsPerRun(100, func() { p.Sent(p.Due(now), now); now += 7 }); n != 0 {
			t.Errorf("%T: %v allocations", p, n)
		}
	}
}
