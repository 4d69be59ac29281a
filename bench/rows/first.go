package rows

import (
	"context"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/sink"
)

// A First says how long the first packets of flows take, beside the second ones.
type First struct {
	Seen
	Flows      int           `json:"flows"`
	Rate       float64       `json:"rate"`  // packets a second, and flows a second
	First      *sink.Latency `json:"first"` // of first packets; nil if none arrived
	Again      *sink.Latency `json:"again"` // of the second packets of the same flows
	LostFirst  uint64        `json:"lost_first"`
	LostAgain  uint64        `json:"lost_again"`
	Reordering uint64        `json:"reordered"` // first packets behind those of later flows
}

// FirstPackets sends one packet of each of so many new flows, at a rate, and then another one of each, which the switch
// knows by then. flows and rate are to be such that no flow is forgotten in between.
func (b *Bench) FirstPackets(ctx context.Context, flows int, rate float64) (f First, err error) {
	f.Flows, f.Rate = flows, rate
	if err := b.forget(ctx); err != nil {
		return f, err
	}
	spec, err := b.fresh(flows)
	if err != nil {
		return f, err
	}
	s := gen.Stream{From: b.From, To: b.To, Rate: rate, Count: uint64(flows), Spec: spec}
	err = b.probed(&f.Seen, func() error {
		first, err := b.run(ctx, allOf(flows, rate), s)
		if err != nil {
			return err
		}
		again, err := b.run(ctx, allOf(flows, rate), s)
		if err != nil {
			return err
		}
		f.First, f.LostFirst, f.Reordering = first.Latency, first.Streams[0].Lost, first.Streams[0].Reordered
		f.Again, f.LostAgain = again.Latency, again.Streams[0].Lost
		f.Limits = append(first.Limits, again.Limits...)
		return nil
	})
	return f, err
}

// Extra returns how much longer first packets take than second ones, by their medians; 0 if either is not known.
func (f First) Extra() time.Duration {
	if f.First == nil || f.Again == nil {
		return 0
	}
	return time.Duration(f.First.P50 - f.Again.P50)
}
