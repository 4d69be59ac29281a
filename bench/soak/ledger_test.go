package soak

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/bench/daemon"
	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/control/api"
)

func counters(pairs ...any) (all []api.Counter) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, api.Counter{Name: pairs[i].(string), Value: uint64(pairs[i+1].(int))})
	}
	return all
}

// a reading of one worker that took all packets, and of two ports.
func aReading(p1, p2, recirculated, answered int) reading {
	w := api.Worker{Packets: uint64(p1 + p2), Events: counters("recirculated", recirculated), Caches: counters("emc_hit", answered)}
	port := func(name string, n int) api.Port {
		return api.Port{Name: name, Open: true, Counters: counters("rx_packets", n, "tx_packets", n),
			Queues: []api.Queue{
				{Direction: "rx", Counters: counters("rx_packets", n)},
				{Direction: "tx", Counters: counters("tx_packets", n)},
			}}
	}
	return reading{Tally: daemon.Tally{
		Stats: api.Stats{Packets: uint64(answered), Caches: w.Caches, Workers: []api.Worker{w}},
		Ports: []api.Port{port("p1", p1), port("p2", p2)},
	}}
}

func TestCountersThatGoBackAreFound(t *testing.T) {
	prev := aReading(10, 20, 5, 35)
	tests := []struct {
		name string
		cur  func() reading
		want []string // in what is reported, in order
	}{
		{"counters that grow or stay are right", func() reading { return aReading(10, 21, 5, 36) }, nil},
		{"a port's counter that goes back", func() reading { return aReading(12, 18, 5, 35) },
			[]string{"port p2: counter rx_packets went back from 20 to 18", "port p2: counter tx_packets"}},
		{"a counter of a cache level that goes back", func() reading { return aReading(10, 20, 5, 34) },
			[]string{"caches: counter emc_hit went back from 35 to 34", "worker 0: counter emc_hit"}},
		{"a counter that is not there any more", func() reading {
			r := aReading(10, 20, 5, 35)
			r.Ports[0].Counters = r.Ports[0].Counters[:1]
			return r
		}, []string{"port p1: counter tx_packets was 10 and is not there"}},
		{"a port that went by itself", func() reading {
			r := aReading(10, 20, 5, 35)
			r.Ports = r.Ports[:1]
			return r
		}, []string{"port p2 is gone"}},
		{"a port that was removed and added is another one", func() reading {
			r := aReading(10, 0, 5, 35)
			r.Stats.Workers[0].Packets = 30
			r.before, r.after = map[string]int{"p2": 2}, map[string]int{"p2": 2}
			return r
		}, nil},
		{"a port that is being removed is not looked at", func() reading {
			r := aReading(10, 20, 5, 35)
			r.Ports = r.Ports[:1]
			r.before, r.after = map[string]int{"p2": 0}, map[string]int{"p2": 1}
			return r
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { sameFindings(t, regressions(prev, tt.cur()), tt.want) })
	}
}

func TestSumsThatAreWrongAreFound(t *testing.T) {
	quiet, counted := aReading(10, 20, 5, 35), aReading(10, 20, 5, 35)
	counted.counts = map[string]lab.LinkCount{"p1": {TxPackets: 100, RxPackets: 200}}
	tests := []struct {
		name  string
		quiet *reading
		cur   func() reading
		want  []string
	}{
		{"everything adds up", &quiet, func() reading { return aReading(15, 25, 6, 46) }, nil},
		{"the first quiet moment has none to compare with", nil, func() reading { return aReading(15, 25, 6, 46) }, nil},
		{"a packet that no level answered", &quiet, func() reading { return aReading(15, 25, 6, 45) },
			[]string{"packets received and recirculated, against those the cache levels answered: 46 against 45", "worker 0"}},
		{"a packet that a port received and no worker", &quiet, func() reading {
			r := aReading(15, 25, 6, 46)
			r.Ports[0].Counters = counters("rx_packets", 16, "tx_packets", 15)
			return r
		}, []string{"port p1: packets received by its queues", "received by all ports since the last quiet moment, against those received by workers: 11 against 10"}},
		{"a packet that a host sent and no port received", &counted, func() reading {
			r := aReading(15, 25, 6, 46)
			r.counts = map[string]lab.LinkCount{"p1": {TxPackets: 106, RxPackets: 205}}
			return r
		}, []string{"sent by the host on p1, against those the port received or the device dropped: 6 against 5"}},
		{"but not when its link was touched", &counted, func() reading {
			r := aReading(15, 25, 6, 46)
			r.counts = map[string]lab.LinkCount{"p1": {TxPackets: 106, RxPackets: 205}}
			r.before, r.after = map[string]int{"p1" + linkOf: 2}, map[string]int{"p1" + linkOf: 2}
			return r
		}, nil},
		{"a port that was removed since takes its counters with it", &quiet, func() reading {
			r := aReading(15, 25, 6, 46)
			r.Ports = r.Ports[:1]
			r.before, r.after = map[string]int{"p2": 1}, map[string]int{"p2": 1}
			return r
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { sameFindings(t, balanced(tt.quiet, tt.cur()).wrong, tt.want) })
	}
}

func sameFindings(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %q, want %d findings: %q", got, len(want), want)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("finding %d: got %q, want %q in it", i, got[i], want[i])
		}
	}
}

func TestAnEpochIsOddWhileAPortIsAway(t *testing.T) {
	var e epochs
	before := e.now()
	e.turn("p1")
	during := e.now()
	e.turn("p1")
	after := e.now()
	r := func(a, b map[string]int) reading { return reading{before: a, after: b} }
	for _, tt := range []struct {
		name string
		a, b reading
		want bool
	}{
		{"before and before", r(before, before), r(before, before), true},
		{"before and during", r(before, before), r(before, during), false},
		{"during and during", r(during, during), r(during, during), false},
		{"before and after", r(before, before), r(after, after), false},
		{"after and after", r(after, after), r(after, after), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := same(tt.a, tt.b, "p1"); got != tt.want {
				t.Errorf("same port: got %v, want %v", got, tt.want)
			}
			if !same(tt.a, tt.b, "p2") {
				t.Error("a port that nobody touched is not the same any more")
			}
		})
	}
}
