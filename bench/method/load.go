package method

import (
	"context"
	"time"
)

// Curve makes a trial at each of n rates, which divide the range from 0 to most evenly: loss against load.
func Curve(ctx context.Context, n int, most float64, d time.Duration, trial Trial) (made []Tried, err error) {
	shares := make([]float64, n)
	for i := range shares {
		shares[i] = float64(i+1) / float64(n)
	}
	return Loads(ctx, shares, most, d, trial)
}

// Loads makes a trial at each share of a rate: latency at 10, 50 and 90 % of what a switch can do. made are those before
// an error.
func Loads(ctx context.Context, shares []float64, rate float64, d time.Duration, trial Trial) (made []Tried, err error) {
	for _, s := range shares {
		o, err := trial(ctx, s*rate, d)
		if err != nil {
			return made, err
		}
		made = append(made, Tried{s * rate, d, o})
	}
	return made, nil
}

// Blocked returns for how long a switch stood still that lost so many frames, offered at a rate: what was lost, divided by
// the rate (RFC 6201 section 4.1 calls it the frame-loss method). rate is in frames a second.
func Blocked(lost uint64, rate float64) time.Duration {
	return time.Duration(float64(lost) / rate * float64(time.Second))
}

// Recovered returns how long after an overload had ended a switch lost no more: the end of the last interval in which
// fewer frames arrived than were offered, beyond slack, a share of them. offered and received are frames in intervals of a
// length, from the end of the overload on.
func Recovered(offered, received []uint64, slack float64, interval time.Duration) time.Duration {
	last := 0
	for i := range min(len(offered), len(received)) {
		if float64(received[i]) < float64(offered[i])*(1-slack) {
			last = i + 1
		}
	}
	return time.Duration(last) * interval
}
