package pace

// A Recorded has the times of a recording.
type Recorded struct {
	at     []int64 // when each frame is due, in cycles from the start, ascending
	period int64   // cycles from one pass to the next
	passes int     // to come, this one included
	start  int64   // of this pass
	from   int64   // cycles from the start of all at which this pass begins when nothing is late
	end    int64   // cycles from the start of all: frames that are due then or later do not come; 0: all come
	next   int     // frame of this pass
	bound  int64
	slack  int64
	lag    Lag
}

// NewRecorded returns a pace with frames at the given times, of which there is at least one: in cycles from the start,
// in ascending order. They come again as often as passes says, a pass beginning period cycles after the one before. Those that are due end cycles from the start
// or later, as they were recorded, do not come; 0: all do. Of the options, Bound and Slack count.
func NewRecorded(at []int64, period int64, passes int, end int64, o Options) *Recorded {
	return &Recorded{at: at, period: max(period, at[len(at)-1]), passes: passes, end: end, bound: o.Bound, slack: o.Slack}
}

// Start implements Pace.
func (r *Recorded) Start(now int64) { r.start = now }

// Due implements Pace. The frames of two passes are never due together. A recording's frames are not left out: a
// sender that was held up by more than the bound lets the rest of them come as much later.
func (r *Recorded) Due(now int64) int {
	if !r.Left() {
		return 0
	}
	if late := now - r.start - r.at[r.next]; r.bound > 0 && late > r.bound {
		r.start += late - r.bound
		r.lag.Longest = max(r.lag.Longest, late)
	}
	n := 0
	for _, at := range r.at[r.next:min(r.next+atOnce, len(r.at))] {
		if r.start+at > now || r.end > 0 && r.from+at >= r.end {
			break
		}
		n++
	}
	return n
}

// Sent implements Pace.
func (r *Recorded) Sent(n int, now int64) {
	if n == 0 {
		return
	}
	r.lag.note(n, r.start+r.at[r.next], now, r.slack)
	if r.next += n; r.next == len(r.at) {
		r.next = 0
		r.passes--
		r.start += r.period
		r.from += r.period
	}
}

// Left implements Pace.
func (r *Recorded) Left() bool {
	return r.passes > 0 && (r.end == 0 || r.from+r.at[r.next] < r.end)
}

// Lag implements Pace.
func (r *Recorded) Lag() Lag { return r.lag }
