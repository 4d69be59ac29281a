package rows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/gen"
	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/method"
)

// A Learned says how many of some addresses a switch has learned.
type Learned struct {
	Seen
	Addresses int     `json:"addresses"`
	Rate      float64 `json:"rate"`    // at which they were to be shown, each once
	Shown     float64 `json:"shown"`   // rate at which they were
	Paced     bool    `json:"-"`       // all that is to say of limits is that it is not Rate
	Learned   int     `json:"learned"` // packets to so many of them came to their port, and to no other
	Flooded   uint64  `json:"flooded"` // packets to addresses it did not know that came to the third port
	Lost      uint64  `json:"lost"`    // packets to addresses that did not come to their port
	Unshown   uint64  `json:"unshown"` // packets that were to show an address and were lost themselves
}

// How learning is tested, but for the number of addresses and their rate.
const (
	learnTester = "02:00:00:00:00:02" // the one who sends to the addresses
	testerSays  = 10                  // packets by which the tester becomes known
	testerRate  = 100.0               // of these, a second
)

// Learn shows so many addresses to a switch, each in one packet from the bench's port From at a rate, and then has its port To
// send one packet to each of them, at another rate: those of addresses that were learned come to From alone, the others come
// to the port Third, too (RFC 2889 sections 5.7 and 5.8). The addresses are new each time; what an earlier trial
// has left in the switch's table is there unless the switch can be told to forget.
func (b *Bench) Learn(ctx context.Context, n int, rate, testRate float64) (l Learned, err error) {
	l.Addresses, l.Rate = n, rate
	if b.Third == "" {
		return l, errors.New("no third port: want one that sees what is flooded")
	}
	if n < 1 || n > stream.MaxFlows {
		return l, fmt.Errorf("%d addresses, want 1 to %d", n, stream.MaxFlows)
	}
	if err := b.forget(ctx); err != nil {
		return l, err
	}
	err = b.probed(&l.Seen, func() error { return b.learn(ctx, &l, testRate) })
	return l, err
}

func (b *Bench) learn(ctx context.Context, l *Learned, testRate float64) error {
	show, test, err := b.learners(l.Addresses)
	if err != nil {
		return err
	}
	say := gen.Stream{From: b.To, Rate: testerRate, Count: testerSays, Spec: b.Spec}
	say.Spec.Source.MAC, say.Spec.Destination.MAC, say.Spec.Flows = learnTester, "ff:ff:ff:ff:ff:ff", 1
	if _, err := b.run(ctx, allOf(testerSays, testerRate), say); err != nil {
		return err
	}
	count := uint64(l.Addresses)
	shown, err := b.steady(ctx, allOf(l.Addresses, l.Rate), gen.Stream{From: b.From, To: b.To, Rate: l.Rate, Count: count, Spec: show})
	if err != nil {
		return err
	}
	tested, err := b.run(ctx, allOf(l.Addresses, testRate), gen.Stream{From: b.To, To: b.From, Rate: testRate, Count: count, Spec: test})
	if err != nil {
		return err
	}
	s := tested.Streams[0]
	l.Unshown, l.Flooded, l.Lost = shown.Streams[0].Lost, s.Astray, s.Lost
	l.Learned = l.Addresses - min(l.Addresses, int(s.Astray+s.Lost))
	o := Outcome(shown)
	l.Shown, l.Limits, l.Paced = o.Sent, o.Limits, o.Pace
	if !tested.OnlyPace { // when they are tested does not matter
		l.Limits = append(l.Limits, tested.Limits...)
		l.Paced = l.Paced && len(tested.Limits) == 0
	}
	if short := count - min(count, shown.Streams[0].Offered, s.Offered); short > 0 {
		l.Limits = append(l.Limits, fmt.Sprintf("%d packets were not sent", short))
		l.Paced = false
	}
	return nil
}

// learners returns the frames that show addresses, and those that are sent to them.
func (b *Bench) learners(n int) (show, test stream.Spec, err error) {
	saved := b.Spec
	defer func() { b.Spec = saved }()
	b.Spec.Vary, b.Spec.Source.MAC, b.Spec.Order = []string{"source-mac"}, "", ""
	if show, err = b.fresh(n); err != nil {
		return show, test, err
	}
	test = show
	show.Destination.MAC = learnTester
	test.Vary, test.Source, test.Destination = []string{"destination-mac"}, show.Destination, show.Source
	return show, test, nil
}

// outcome is what learning comes to in a search. What was not learned is what was lost.
func (l Learned) outcome() method.Outcome {
	return method.Outcome{
		Offered: uint64(l.Addresses), Lost: uint64(l.Addresses - l.Learned), Limits: l.Limits, Pace: l.Paced, Sent: l.Shown, Probes: l.Probes,
	}
}

// LearnCapacity finds how many addresses, up to most, a switch can know at a time (RFC 2889 section 5.7), to a precision as
// in [method.Largest]. They are shown at a rate at which it learns for certain, and tested at the same. What a generator that
// was late has to do with it is nothing: addresses are known or not.
func (b *Bench) LearnCapacity(ctx context.Context, most int, rate, precision float64) (c method.Counted, made []Learned, err error) {
	c, err = method.Largest(ctx, most, precision, func(ctx context.Context, n int) (method.Outcome, error) {
		l, err := b.Learn(ctx, n, rate, rate)
		if err != nil {
			return method.Outcome{}, err
		}
		made = append(made, l)
		o := l.outcome()
		switch {
		case l.Learned == n || l.Flooded > l.Unshown: // all are known, or one that was shown is not
			o.Limits = nil
		case len(o.Limits) == 0:
			o.Limits, o.Pace = []string{"packets were lost, so that nothing is known of their addresses: want a lower rate"}, false
		}
		return o, nil
	})
	return c, made, err
}

// mostLearnTrials are those of a search for a rate: some 30 find it where the machine does not change meanwhile.
const mostLearnTrials = 100

// LearnRate finds the highest rate, in addresses a second up to most, at which a switch learns n addresses without missing
// one (RFC 2889 section 5.8); below a hundredth of it nothing is tried. n is to be no more than its capacity. They are
// tested at testRate.
func (b *Bench) LearnRate(ctx context.Context, n int, most, testRate float64) (f method.Found, made []Learned, err error) {
	g := method.Goals{Loss: []float64{0}, Min: most / 100, Max: most, Precision: 0.05, First: time.Second, Final: time.Second, Trials: mostLearnTrials, Classes: machine.Classes}
	found, _, err := method.Search(ctx, g, func(ctx context.Context, rate float64, _ time.Duration) (method.Outcome, error) {
		l, err := b.Learn(ctx, n, rate, testRate)
		if err != nil {
			return method.Outcome{}, err
		}
		made = append(made, l)
		return l.outcome(), nil
	})
	if err != nil {
		return f, made, err
	}
	f = found[0]
	for _, t := range []*method.Tried{f.Passed, f.Failed, f.Limited} {
		if t != nil { // as long as the addresses took, whatever the search was told
			t.Duration = time.Duration(float64(n) / t.OfferedRate() * float64(time.Second))
		}
	}
	return f, made, nil
}
