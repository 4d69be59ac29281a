package rows

import (
	"context"
	"time"

	"github.com/culvertdev/culvert/bench/method"
)

// longestBurst bounds how long a generator may take to send one.
const longestBurst = time.Minute

// A Burst is the longest one that a switch takes.
type Burst struct {
	Seen
	method.Counted
	// Rate at which the longest burst that passed was given to the port, in frames a second: as fast as generator and port
	// could. What a burst says of buffers depends on it (RFC 9004 section 5.4); a switch that is faster takes any burst.
	Rate float64 `json:"rate"`
}

// Burst finds how many frames, up to most, a switch takes back to back without losing one, to a hundredth (RFC 9004).
func (b *Bench) Burst(ctx context.Context, most int) (r Burst, err error) {
	rates := make(map[int]float64)
	err = b.probed(&r.Seen, func() error {
		r.Counted, err = method.Largest(ctx, most, 0.01, func(ctx context.Context, n int) (method.Outcome, error) {
			s := b.stream(0)
			s.Count = uint64(n)
			res, err := b.run(ctx, longestBurst, s)
			if err != nil {
				return method.Outcome{}, err
			}
			rates[n] = res.Streams[0].OfferedRate
			return Outcome(res), nil
		})
		return err
	})
	r.Rate = rates[r.Passed]
	return r, err
}
