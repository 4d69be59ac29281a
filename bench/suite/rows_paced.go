package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvertdev/culvert/bench/gen/stream"
	"github.com/culvertdev/culvert/bench/machine"
	"github.com/culvertdev/culvert/bench/method"
	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/rows"
)

// oneWayByAddress is what a switch does with packets from the first guest to the second, by address.
var oneWayByAddress = []string{"ip,in_port=1,nw_dst=10.0.0.0/7,actions=output:2", "ip,in_port=2,nw_dst=10.0.0.0/7,actions=output:1"}

// pacedTraffic is that of our own generator.
func pacedTraffic(flows int) result.Traffic {
	return result.Traffic{Protocol: "IPv4, UDP", Flows: flows, Directions: 1}
}

// pacedSpec are frames of many flows.
func pacedSpec() stream.Spec { return stream.Spec{Flows: pacedFlows} }

// mostPaced is the highest rate that is tried, in packets a second one way: more than generators here reach.
const mostPaced = 20e6

// mostTrials are those of a search: some 45 find a rate on a machine that does not change meanwhile, and one that always does must not take all of a run's time.
const mostTrials = 100

// pacedRows are about what a switch does at rates that it is given (RFC 2544).
func pacedRows() []Row {
	// At low rates few packets of a flow come by until it is in Open vSwitch's exact-match cache, which takes one in a hundred.
	row := func(id, name string, takes time.Duration, record rows.Record, measure func(context.Context, *Stand, *rows.Bench) (rows.Record, error)) Row {
		return Row{
			ID: id, Name: name, Contenders: both, Rules: oneWayByAddress, Way: byCache, Once: true, Traffic: pacedTraffic(pacedFlows),
			Measures: record.Measures, Takes: takes, Drive: paced(pacedSpec(), measure), Longest: longSize,
		}
	}
	soak := row("soak", "soak at half the rate without loss", 11*time.Minute, rows.Soak{}.Record(), soak)
	soak.Asked = true
	return []Row{
		row("throughput", fmt.Sprintf("throughput, rules on IP, %d flows", pacedFlows), 35*time.Second, throughputRecord(nil, nil, nil), throughput),
		row("burst", "back to back", 8*time.Second, rows.Burst{}.Record(), burst),
		soak,
	}
}

// shares are those of the rate without loss at which latency is measured.
var shares = []float64{0.1, 0.5, 0.9}

// curve is how many rates loss is measured at.
const curve = 8

// throughput searches for the rates with no loss and with little, and measures latency at shares of the first, and loss against
// load up to beyond the second.
func throughput(ctx context.Context, s *Stand, b *rows.Bench) (r rows.Record, err error) {
	found, made, err := method.Search(ctx, method.Goals{Max: mostPaced, Precision: 0.02, Final: s.Options.Window / 2, Trials: mostTrials, Classes: machine.Classes}, b.Undisturbed())
	if err != nil {
		return r, err
	}
	rate := found[0].Rate()
	if rate == 0 {
		return throughputRecord(found, nil, nil), nil
	}
	trial := method.Alike(b.Trial(), *found[0].Passed, made, machine.Classes)
	latency, err := method.Loads(ctx, shares, rate, s.Options.Window/2, trial)
	if err != nil {
		return r, err
	}
	load, err := method.Curve(ctx, curve, 1.5*max(rate, found[1].Rate()), s.Options.Window/8, trial)
	return throughputRecord(found, latency, load), err
}

// throughputRecord puts together what was found. The window's latency is that at half the rate without loss.
func throughputRecord(found []method.Found, latency, load []method.Tried) rows.Record {
	if found == nil {
		found = []method.Found{{}, {Loss: 0.005}}
	}
	r := rows.RecordFound("throughput", "packets/s", found)
	for i, share := range shares {
		for _, p := range []struct {
			what string
			ns   func(method.Tried) int64
		}{
			{"half within", func(t method.Tried) int64 { return t.P50 }}, {"99 % within", func(t method.Tried) int64 { return t.P99 }},
			{"99.9 % within", func(t method.Tried) int64 { return t.P999 }}, {"99.99 % within", func(t method.Tried) int64 { return t.P9999 }},
		} {
			m := result.Measure{Name: fmt.Sprintf("%s at %.0f %% of it", p.what, 100*share), Unit: "ns", Better: result.Less}
			r.Measures = append(r.Measures, m)
			if i < len(latency) && !latency[i].Limited() && p.ns(latency[i]) > 0 {
				r.Window.Figures[m.Name] = float64(p.ns(latency[i]))
			}
		}
	}
	if len(latency) > 1 {
		r.Window.Latency = rows.RecordLatency(shares[1], latency[1]).Window.Latency
	}
	r.Window.Load = rows.RecordLoads(load).Window.Load
	return r
}

// fast finds about what a switch does without loss, in little time.
func fast(ctx context.Context, b *rows.Bench) (float64, error) {
	d := 500 * time.Millisecond
	found, _, err := method.Search(ctx, method.Goals{Max: mostPaced, Loss: []float64{0}, Precision: 0.05, First: d, Final: d, Trials: mostTrials, Classes: machine.Classes}, b.Undisturbed())
	if err != nil {
		return 0, err
	}
	return rateOf(found[0])
}

func burst(ctx context.Context, _ *Stand, b *rows.Bench) (rows.Record, error) {
	r, err := b.Burst(ctx, 1<<18)
	return r.Record(), err
}

// rateOf is an error where there is no rate.
func rateOf(f method.Found) (float64, error) {
	switch {
	case f.Passed != nil:
		return f.Rate(), nil
	case f.Open:
		return 0, errors.New("the machine changed its class too often to find a rate")
	case f.Limited != nil:
		return 0, errors.New("the generator was the limit at every rate")
	}
	return 0, fmt.Errorf("there is no rate with a loss of %.4g %% at most", 100*f.Loss)
}

// ofAll leaves the class of a record of very many trials to what was probed around the window: the least and the most of so many probes are far apart
// on any machine.
func ofAll(r rows.Record) rows.Record {
	r.Window.Class, r.Window.Distance = "", nil
	return r
}

// soakWindows is how long a soak takes: ten minutes where nothing else is said of windows.
const soakWindows = 300

func soak(ctx context.Context, s *Stand, b *rows.Bench) (r rows.Record, err error) {
	rate, err := fast(ctx, b)
	if err != nil {
		return r, err
	}
	v, err := b.Soak(ctx, rate/2, soakWindows*s.Options.Window, 5*s.Options.Window, nil)
	return ofAll(v.Record()), err
}
