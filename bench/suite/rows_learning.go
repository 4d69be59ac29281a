package suite

import (
	"context"
	"maps"
	"time"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/rows"
)

// How learning is tested: the most addresses, and how many a second a switch learns for certain.
const (
	mostAddresses = 20_000
	certainRate   = 10_000
	mostLearnRate = 200_000
)

// learningRows are about addresses (RFC 2889 sections 5.7 and 5.8). Both switches know 8192 of them by default.
func learningRows() []Row {
	return []Row{{
		ID: "learning", Name: "address learning", Contenders: both, Rules: []string{"actions=NORMAL"}, Third: true, Once: true,
		Traffic:  result.Traffic{Protocol: "IPv4, UDP", Directions: 1},
		Measures: append(rows.RecordCapacity(method.Counted{}, nil).Measures, rows.RecordLearnRate(method.Found{}, nil).Measures...), Takes: 40 * time.Second, Drive: paced(stream.Spec{}, learning),
	}}
}

// learning finds how many addresses are known at a time, and how fast half as many are learned. Both switches forget the
// oldest address when they have no room for a new one, so nobody has to tell them to.
func learning(ctx context.Context, _ *Stand, b *rows.Bench) (r rows.Record, err error) {
	c, made, err := b.LearnCapacity(ctx, mostAddresses, certainRate, 0.001)
	if err != nil {
		return r, err
	}
	capacity := rows.RecordCapacity(c, made)
	if c.Passed < 2 {
		return capacity, nil
	}
	f, made, err := b.LearnRate(ctx, c.Passed/2, mostLearnRate, certainRate)
	if err != nil {
		return r, err
	}
	rate := rows.RecordLearnRate(f, made)
	maps.Copy(capacity.Window.Figures, rate.Window.Figures)
	capacity.Window.Limited = capacity.Window.Limited || rate.Window.Limited
	return capacity, nil
}
