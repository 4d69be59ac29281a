package rows

import (
	"context"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/stream"
)

// Loads of a recovery as shares of a throughput, as RFC 2544 section 26.5 has them.
const (
	overload = 1.1
	relief   = 0.5
)

// A Recovery says how soon a switch loses no more after an overload.
type Recovery struct {
	Seen
	Overload   float64       `json:"overload_rate"` // frames a second
	Relief     float64       `json:"relief_rate"`
	Overloaded bool          `json:"overloaded"`      // it did lose frames in the overload; if not, nothing can be said of the rest
	LostOver   uint64        `json:"lost_overloaded"` // frames
	LostAfter  uint64        `json:"lost_after"`
	After      time.Duration `json:"recovered_after_ns"` // from the end of the overload to when the last frame that was lost was sent; 0: none was
	Recovered  bool          `json:"recovered"`          // the second half of the time after brought no loss
}

// Recovery offers 110 % of a switch's throughput for a time and then, without a pause, 50 % for as long (RFC 2544 section
// 26.5). throughput is in frames a second.
func (b *Bench) Recovery(ctx context.Context, throughput float64, each time.Duration) (v Recovery, err error) {
	return b.recovery(ctx, throughput, each, func(int) (stream.Spec, error) { return b.Spec, nil })
}

// SetupRecovery is Recovery from more new flows than a switch sets up: throughput is in flows a second, and every frame is the first of
// its flow.
func (b *Bench) SetupRecovery(ctx context.Context, throughput float64, each time.Duration) (v Recovery, err error) {
	if n := overload * throughput * each.Seconds(); n > stream.MaxFlows {
		return v, fmt.Errorf("%.0f new flows, want at most %d", n, stream.MaxFlows)
	}
	return b.recovery(ctx, throughput, each, b.fresh)
}

// recovery has the frames of so many flows made by spec.
func (b *Bench) recovery(ctx context.Context, throughput float64, each time.Duration, spec func(flows int) (stream.Spec, error)) (v Recovery, err error) {
	if !(throughput > 0) || each <= 0 {
		return v, fmt.Errorf("a throughput of %v for %v, want both above 0", throughput, each)
	}
	v.Overload, v.Relief = overload*throughput, relief*throughput
	over, after := b.stream(v.Overload), b.stream(v.Relief)
	over.Until, after.After = gen.Duration(each), gen.Duration(each)
	if over.Spec, err = spec(frames(v.Overload, each)); err != nil {
		return v, err
	}
	if after.Spec, err = spec(frames(v.Relief, each)); err != nil {
		return v, err
	}
	var r *gen.Result
	err = b.probed(&v.Seen, func() error {
		r, err = b.steady(ctx, 2*each, over, after)
		return err
	})
	if err != nil {
		return v, err
	}
	v.Overload, v.Relief = offered(r.Streams[0], v.Overload, each), offered(r.Streams[1], v.Relief, each)
	v.Limits = r.Limits
	v.LostOver, v.LostAfter = r.Streams[0].Lost, r.Streams[1].Lost
	v.Overloaded = v.LostOver > 0
	v.After = time.Duration(float64(r.Streams[1].LastLost) / v.Relief * float64(time.Second))
	v.Recovered = v.After < each/2
	return v, nil
}

// offered is the rate at which a stream really was offered in its time, of which more than was asked for was a generator's that made good for something.
func offered(s gen.StreamResult, rate float64, each time.Duration) float64 {
	return min(rate, float64(s.Offered)/each.Seconds())
}
