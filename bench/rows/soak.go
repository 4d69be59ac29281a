package rows

import (
	"context"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/gen/sink"
	"github.com/culvertdev/culvert/bench/machine"
)

// An Interval is a part of a soak.
type Interval struct {
	Seen
	Start   time.Duration `json:"start_ns"` // from the beginning
	Offered uint64        `json:"offered"`
	Lost    uint64        `json:"lost"`
	Silence time.Duration `json:"longest_silence_ns"`
	Latency *sink.Latency `json:"latency"`
}

// A Soak is a long run.
type Soak struct {
	Rate      float64       `json:"rate"` // frames a second
	Offered   uint64        `json:"offered"`
	Lost      uint64        `json:"lost"`
	Lossy     int           `json:"lossy_intervals"`
	Limited   int           `json:"limited_intervals"` // in which the generator was the limit
	Latency   *sink.Latency `json:"latency"`           // of all
	Intervals []Interval    `json:"intervals"`
}

// maxSoak bounds how many intervals there are.
const maxSoak = 100_000

// Soak offers a rate, in frames a second, for a long time, interval by interval, each with its loss and latency. Between
// two the generator takes about 30 ms in which it sends nothing. each is called of every interval, and may be nil. When ctx ends,
// so does the soak: what is returned is all whole intervals, with the context's error.
func (b *Bench) Soak(ctx context.Context, rate float64, whole, interval time.Duration, each func(Interval)) (s Soak, err error) {
	if interval < time.Millisecond || whole < interval || whole/interval > maxSoak {
		return s, fmt.Errorf("%v in intervals of %v, want 1 to %d of 1 ms at least", whole, interval, maxSoak)
	}
	s.Rate = rate
	for start := time.Duration(0); start+interval <= whole; start += interval {
		i := Interval{Start: start}
		if err := b.probed(&i.Seen, func() error { return b.soak(ctx, rate, interval, &i) }); err != nil {
			s.class()
			return s, err
		}
		if s.Latency, err = sink.Add(s.Latency, i.Latency); err != nil {
			return s, err
		}
		if i.Latency != nil {
			i.Latency.Histogram = "" // it is in that of all
		}
		s.add(i)
		if each != nil {
			each(i)
		}
	}
	s.class()
	return s, nil
}

// class classes all intervals together.
func (s *Soak) class() {
	probes := make([][]float64, len(s.Intervals))
	for i := range s.Intervals {
		probes[i] = s.Intervals[i].Probes
	}
	for i, class := range machine.Classes(probes) {
		s.Intervals[i].Class = class
	}
}

// soak measures one interval.
func (b *Bench) soak(ctx context.Context, rate float64, d time.Duration, i *Interval) error {
	r, err := b.steady(ctx, d, b.stream(rate))
	if err != nil {
		return err
	}
	i.Limits, i.Latency = r.Limits, r.Latency
	i.Offered, i.Lost, i.Silence = r.Streams[0].Offered, r.Streams[0].Lost, time.Duration(r.Streams[0].Silence)
	return nil
}

func (s *Soak) add(i Interval) {
	s.Offered, s.Lost = s.Offered+i.Offered, s.Lost+i.Lost
	if i.Lost > 0 {
		s.Lossy++
	}
	if len(i.Limits) > 0 {
		s.Limited++
	}
	s.Intervals = append(s.Intervals, i)
}
