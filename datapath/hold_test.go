package datapath_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A keeper is a table with contexts: it knows how many flows hold each, and reports one too few.
type keeper struct {
	*script
	t    *testing.T
	mu   sync.Mutex
	held map[uint64]int // by first word of the trail
}

func newKeeper(t *testing.T, name uint64, context func(port uint64) uint64) *keeper {
	return &keeper{script: newScript(t, name, keeping(context)), t: t, held: make(map[uint64]int)}
}

// keeping sends each UDP source port out of port 2 by a flow that names the context given.
func keeping(context func(port uint64) uint64) func(*rules.Query, *rules.Verdict) error {
	return func(q *rules.Query, v *rules.Verdict) error {
		v.Mask.SetExact(flow.FieldUDPSrc)
		v.Trail = append(v.Trail, context(q.Key.Uint(flow.FieldUDPSrc)))
		v.Actions.Output(2)
		return nil
	}
}

func (k *keeper) Hold(trail []uint64) { k.count(trail, 1) }

func (k *keeper) Release(trail []uint64) { k.count(trail, -1) }

func (k *keeper) count(trail []uint64, n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(trail) != 2 || trail[1] != k.name {
		k.t.Errorf("table %d is told of the trail %v of another", k.name, trail)
		return
	}
	if k.held[trail[0]] += n; k.held[trail[0]] < 0 {
		k.t.Errorf("context %d is released more often than held", trail[0])
	}
}

// holds returns how many flows hold each context that any does.
func (k *keeper) holds() map[uint64]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := make(map[uint64]int)
	for c, n := range k.held {
		if n != 0 {
			m[c] = n
		}
	}
	return m
}

func (k *keeper) wantHolds(when string, want map[uint64]int) {
	k.t.Helper()
	got := k.holds()
	for c, n := range want {
		if got[c] != n {
			k.t.Errorf("%s: context %d is held by %d flows, want %d", when, c, got[c], n)
		}
	}
	if len(got) != len(want) {
		k.t.Errorf("%s: contexts %v are held, want %v", when, got, want)
	}
}

func TestContextsAreHeldByTheFlowsThatNameThem(t *testing.T) {
	table := newKeeper(t, 1, func(port uint64) uint64 { return port / 10 })
	l := newLab(t, datapath.Options{}, table, "a", "b")
	var packets [][]byte
	for port := range uint16(25) {
		packets = append(packets, udp(t, 1, 2, port, 20))
	}
	l.send("a", packets...)
	l.receive("b", len(packets))
	l.sw.Sync()
	table.wantHolds("when all is cached", map[uint64]int{0: 10, 1: 10, 2: 5})

	table.change(rules.ChangeSet{All: true}, keeping(func(port uint64) uint64 { return port % 2 }))
	l.sw.Sync()
	table.wantHolds("when flows have other trails", map[uint64]int{0: 13, 1: 12})
	l.sw.Sync()
	table.wantHolds("when nothing has changed", map[uint64]int{0: 13, 1: 12})

	other := newKeeper(t, 2, func(uint64) uint64 { return 7 })
	l.setTable(t, other)
	table.wantHolds("when flows are another table's", nil)
	other.wantHolds("when flows are this table's", map[uint64]int{7: 25})

	other.change(rules.ChangeSet{All: true}, func(_ *rules.Query, v *rules.Verdict) error { v.NoCache = true; return nil })
	l.sw.Sync()
	other.wantHolds("when flows have gone", nil)
}

func TestAFlowThatFindsNoRoomHoldsNothing(t *testing.T) {
	table := newKeeper(t, 1, func(port uint64) uint64 { return port % 3 })
	l := newLab(t, datapath.Options{Cache: datapath.CacheConfig{Flows: 16}}, table, "a", "b")
	for port := range uint16(60) {
		l.send("a", udp(t, 1, 2, port, 20))
	}
	l.receive("b", 60)
	l.sw.Sync()
	sum := 0
	for _, n := range table.holds() {
		sum += n
	}
	if flows := len(l.sw.Flows()); sum != flows || flows == 0 || flows > 16 {
		t.Errorf("%d holds for %d flows", sum, flows)
	}
	if err := l.sw.DelPort("a"); err != nil {
		t.Fatal(err)
	}
	table.wantHolds("when the port has gone", nil)
}

func TestHoldsAreExactWhileRulesChangeUnderTraffic(t *testing.T) {
	table := newKeeper(t, 1, func(port uint64) uint64 { return port })
	l := newLab(t, twoWorkers, table, "a", "b")
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		var packets [][]byte
		for range 40 {
			packets = append(packets, udp(t, 1, 2, uint16(rnd.IntN(200)), 20))
		}
		l.send("a", packets...)
		k := rnd.Uint64N(20) + 1
		table.change(rules.ChangeSet{All: true}, func(q *rules.Query, v *rules.Verdict) error {
			port := q.Key.Uint(flow.FieldUDPSrc)
			v.NoCache = port%7 == k%7
			return keeping(func(port uint64) uint64 { return port % k })(q, v)
		})
		l.sw.Sync()
		l.receive("b", len(packets))
	}
	l.sw.Sync()
	want := 0
	for _, n := range table.holds() {
		want += n
	}
	if flows := len(l.sw.Flows()); flows != want || flows == 0 {
		t.Errorf("%d holds for %d flows", want, flows)
	}
	for _, name := range []string{"a", "b"} {
		if err := l.sw.DelPort(name); err != nil {
			t.Fatal(err)
		}
	}
	table.wantHolds("in the end", nil)
}
