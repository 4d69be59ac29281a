package datapath_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/counter"
)

// A script is a rule table whose rules the test writes as a function. It keeps account of what was
// credited to which trail and refuses what is not its own.
type script struct {
	t    testing.TB
	name uint64 // second word of every trail, so that no other table's is taken for one

	mu       sync.Mutex
	decide   func(q *rules.Query, v *rules.Verdict) error // v.Trail: the rule, one word
	version  uint64
	log      []rules.ChangeSet // log[i] led to version i+2
	credited map[uint64]traffic
	lookups  int
}

type traffic struct{ packets, bytes uint64 }

func newScript(t testing.TB, name uint64, decide func(q *rules.Query, v *rules.Verdict) error) *script {
	return &script{t: t, name: name, decide: decide, version: 1, credited: make(map[uint64]traffic)}
}

func (s *script) Lookup(q *rules.Query, v *rules.Verdict) error {
	s.mu.Lock()
	decide := s.decide
	if q.Live {
		s.lookups++
	}
	s.mu.Unlock()
	if err := decide(q, v); err != nil {
		return err
	}
	for len(v.Trail) < 1 {
		v.Trail = append(v.Trail, 0)
	}
	v.Trail = append(v.Trail, s.name)
	return nil
}

func (s *script) Changes(since uint64, c *rules.ChangeSet) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since == 0 {
		c.All = true
		return s.version
	}
	for _, e := range s.log[since-1:] {
		c.All = c.All || e.All
		c.Changes = append(c.Changes, e.Changes...)
	}
	return s.version
}

func (s *script) Credit(trail []uint64, packets, bytes uint64, _ int64) {
	if len(trail) != 2 || trail[1] != s.name {
		s.t.Errorf("table %d is credited with the trail %v of another", s.name, trail)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := s.credited[trail[0]]
	s.credited[trail[0]] = traffic{sum.packets + packets, sum.bytes + bytes}
}

// change gives the table other rules.
func (s *script) change(c rules.ChangeSet, decide func(q *rules.Query, v *rules.Verdict) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide = decide
	s.version++
	s.log = append(s.log, c)
}

// total returns what was credited to all rules together.
func (s *script) total() (sum traffic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.credited {
		sum.packets += c.packets
		sum.bytes += c.bytes
	}
	return sum
}

func (s *script) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookups
}

// toPort sends everything out of a port; every UDP source port is a flow of its own.
func toPort(port uint32) func(*rules.Query, *rules.Verdict) error {
	return func(_ *rules.Query, v *rules.Verdict) error {
		v.Mask.SetExact(flow.FieldUDPSrc)
		v.Actions.Output(port)
		return nil
	}
}

// twoWorkers is a switch with two workers that never sleep, so that a test does not wait for them.
var twoWorkers = datapath.Options{Workers: datapath.WorkersConfig{Count: 2, Latency: -1}}

// addDevice adds a port around an opened memory port, which wrap may change.
func (l *lab) addDevice(name string, o memport.Options, wrap func(pmd.Port) pmd.Port) {
	l.t.Helper()
	o.Pool = l.pool
	dev, err := memport.Open(name, o)
	if err != nil {
		l.t.Fatal(err)
	}
	l.peers[name] = dev.Peer()
	if err := l.sw.AddDevice("br0", datapath.PortConfig{Name: name}, wrap(dev)); err != nil {
		l.t.Fatal(err)
	}
}

// waitUntil waits for something to become true.
func waitUntil(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 5 s", what)
		}
	}
}

func events(s datapath.Stats) []counter.Sample { return s.Events }

// setTable gives the bridge another table and leaves its ports as they are.
func (l *lab) setTable(t testing.TB, table rules.Table) {
	t.Helper()
	b := datapath.BridgeConfig{Name: "br0", Table: table}
	for _, p := range l.sw.Ports() {
		b.Ports = append(b.Ports, p.Config)
	}
	if err := l.sw.Apply(context.Background(), datapath.Config{Bridges: []datapath.BridgeConfig{b}}); err != nil {
		t.Fatal(err)
	}
}
