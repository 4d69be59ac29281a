package pace

import "math"

// Options say how frames follow each other. Times are in cycles.
type Options struct {
	Interval float64 // from one frame to the next; 0: as fast as it goes
	Burst    int     // frames that leave together, at the time the last of them is due; 0 or 1: each by itself
	Count    uint64  // frames in all; 0: no end
	Bound    int64   // the most a sender may be behind and catch up with; 0: one burst
	Slack    int64   // a frame that leaves later than this after it was due is counted as late
}

// atOnce is what Due says of a pace without interval: more than any burst.
const atOnce = 1 << 16

// A Steady has the same time between any two frames, or bursts.
type Steady struct {
	o     Options
	start float64 // when frame 0 is due, moved on by frames left out
	next  uint64  // frames sent
	lag   Lag
}

// NewSteady returns a pace.
func NewSteady(o Options) *Steady {
	o.Burst = max(o.Burst, 1)
	if o.Count == 0 {
		o.Count = math.MaxUint64
	}
	return &Steady{o: o}
}

// Start implements Pace: the first burst is due at once.
func (s *Steady) Start(now int64) {
	s.start, s.next, s.lag = float64(now)-s.o.Interval*float64(s.o.Burst-1), 0, Lag{}
}

// Due implements Pace.
func (s *Steady) Due(now int64) int {
	left := s.o.Count - s.next
	if s.o.Interval == 0 {
		return int(min(left, atOnce))
	}
	gone := float64(now) - s.at(s.next)
	if gone < 0 || left == 0 {
		return 0
	}
	s.skip(gone)
	due := uint64((float64(now)-s.start)/s.o.Interval) + 1
	if due <= s.next {
		return 0
	}
	due = min(due-s.next, left)
	if due < left {
		due -= due % uint64(s.o.Burst)
	}
	return int(min(due, atOnce))
}

// at returns when a frame is due by itself.
func (s *Steady) at(frame uint64) float64 { return s.start + float64(frame)*s.o.Interval }

// skip leaves out the frames that are behind by more than the bound.
func (s *Steady) skip(gone float64) {
	bound := max(float64(s.o.Bound), s.o.Interval*float64(s.o.Burst))
	if gone <= bound {
		return
	}
	n := uint64((gone - bound) / s.o.Interval)
	s.lag.Skipped += n
	s.start += float64(n) * s.o.Interval
}

// Sent implements Pace. The frames of a burst were due when the last of them was.
func (s *Steady) Sent(n int, now int64) {
	if s.o.Interval > 0 && n > 0 {
		due := s.next - s.next%uint64(s.o.Burst) + uint64(s.o.Burst) - 1
		s.lag.note(n, int64(s.at(due)), now, s.o.Slack)
	}
	s.next += uint64(n)
}

// Left implements Pace.
func (s *Steady) Left() bool { return s.next < s.o.Count }

// Lag implements Pace.
func (s *Steady) Lag() Lag { return s.lag }
