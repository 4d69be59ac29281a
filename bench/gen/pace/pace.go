// Package pace says when frames are due. It reads no clock: whoever sends tells it the time, in cycles of a clock, once
// for each burst.
//
//	p.Start(now)
//	for … {
//	    n := p.Due(now)      // frames that are to leave by now
//	    …                    // some of them are sent
//	    p.Sent(k, now)
//	}
//
// A sender that was held up has more frames due than it should. It sends them as fast as it can, but those it is behind
// with by more than a bound are left out and counted: a flood after a pause is not the rate that was asked for.
//
// Thread-safety: one goroutine at a time.
package pace

// A Pace says when frames are due.
type Pace interface {
	// Start begins at a time.
	Start(now int64)
	// Due returns how many frames are to leave by now and have not. It must not go back in time.
	Due(now int64) int
	// Sent notes that the oldest n frames that were due left at a time.
	Sent(n int, now int64)
	// Left reports whether any frame is to come.
	Left() bool
	// Lag says how well the sender has kept up.
	Lag() Lag
}

// A Lag is how far a sender was behind its pace.
type Lag struct {
	Longest int64  // cycles by which a frame left later than it was due, at most
	Late    uint64 // frames that left later than the slack allows
	Skipped uint64 // frames that were left out, because the sender was behind by more than the bound
}

// note counts n frames sent, the oldest of which was due at a time.
func (l *Lag) note(n int, due, now, slack int64) {
	late := now - due
	l.Longest = max(l.Longest, late)
	if late > slack {
		l.Late += uint64(n)
	}
}
