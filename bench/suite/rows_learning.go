package suite

import (
	"context"
	"maps"
	"slices"
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

// bothOf puts two records into one, of the state of the machine that the second was measured in, if it says any: how many addresses a switch knows does not
// depend on it. What limited the one is not the other's limit.
func bothOf(a, b rows.Record) rows.Record {
	if a.Window.Limited != b.Window.Limited {
		exact := a
		if a.Window.Limited {
			exact = b
		}
		a.Window.Exact = slices.Sorted(maps.Keys(exact.Window.Figures))
		a.Window.Note += b.Window.Note
	}
	if len(b.Window.Distance) == 2 {
		a.Window.Class, a.Window.Distance = b.Window.Class, b.Window.Distance
	}
	a.Window.Limited = a.Window.Limited || b.Window.Limited
	maps.Copy(a.Window.Figures, b.Window.Figures)
	return a
}

// learning finds how many addresses are known at a time, and how fast half as many are learned. Both switches forget the
// oldest address when they have no room for a new one, so nobody has to tell them to.
func learning(ctx context.Context, _ *Stand, b *rows.Bench) (r rows.Record, err error) {
	c, made, err := b.LearnCapacity(ctx, mostAddresses, certainRate, 0.001)
	if err != nil {
		return r, err
	}
	capacity := ofAll(rows.RecordCapacity(c, made))
	if c.Passed < 2 {
		return capacity, nil
	}
	f, made, err := b.LearnRate(ctx, c.Passed/2, mostLearnRate, certainRate)
	if err != nil {
		return r, err
	}
	rate := rows.RecordLearnRate(f, made)
	if f.Passed == nil {
		rate = ofAll(rate)
	}
	return bothOf(capacity, rate), nil
}
