package datapath_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/action"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/pmd/memport"
	"github.com/culvertdev/culvert/ring/frame"
)

// steps is a stepped switch with one bridge, its clock, and what it was seen to do.
type steps struct {
	*datapath.Stepper
	t     *testing.T
	table *openflow.Table
	now   int64 // ns
	lines []string
	peers map[string]*memport.Peer
}

func newSteps(t *testing.T, flows string, ports ...string) *steps {
	t.Helper()
	s := &steps{t: t, now: int64(time.Hour), peers: make(map[string]*memport.Peer)}
	now := func() int64 { return s.now }
	pool := newPool(t)
	seed := flow.FixedSeed(1)
	var err error
	s.Stepper, err = datapath.NewStepper(datapath.Options{
		Pool: pool, Clock: cpu.NewManualClock(now), Seed: &seed, Cache: datapath.CacheConfig{EMCInsert: 1},
	}, s.see)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close(pool) })
	table, err := openflow.New(openflow.Options{Clock: now, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	s.table = table
	list, err := openflow.ParseFlows(strings.NewReader(flows), "test")
	if err == nil {
		err = table.AddFlows(list)
	}
	if err == nil {
		err = s.Apply(context.Background(), datapath.Config{Bridges: []datapath.BridgeConfig{{Name: "br0", Table: table}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range ports {
		dev, err := memport.Open(name, memport.Options{Pool: pool})
		if err != nil {
			t.Fatal(err)
		}
		s.peers[name] = dev.Peer()
		if err := s.AddDevice("br0", datapath.PortConfig{Name: name}, dev); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *steps) see(p *datapath.Pass) {
	s.lines = append(s.lines, fmt.Sprintf("%d %s %s", p.Port, p.Level, action.Format(p.Program, nil)))
}

func (s *steps) close(pool *frame.Pool) {
	if err := s.Close(); err != nil {
		s.t.Error(err)
	}
	for _, p := range s.peers {
		if err := p.Close(); err != nil {
			s.t.Error(err)
		}
	}
	if err := pool.Close(); err != nil {
		s.t.Errorf("frames leaked: %v", err)
	}
}

func (s *steps) send(port uint32, packet []byte) {
	s.t.Helper()
	if err := s.Send(port, packet); err != nil {
		s.t.Fatal(err)
	}
}

func (s *steps) saw(want ...string) {
	s.t.Helper()
	if !reflect.DeepEqual(s.lines, want) {
		s.t.Errorf("got  %q\nwant %q", s.lines, want)
	}
	s.lines = nil
}

func TestASteppedSwitchDoesEachPacketToItsEnd(t *testing.T) {
	s := newSteps(t, "actions=NORMAL", "a", "b", "c")
	s.send(1, udp(t, 1, 2, 7, 20))
	s.saw("1 slow output:2,output:3")
	s.send(1, udp(t, 1, 2, 7, 20))
	s.saw("1 megaflow output:2,output:3")
	s.send(2, udp(t, 2, 1, 7, 20))
	s.saw("2 slow output:1")
	s.send(1, udp(t, 1, 2, 7, 20)) // learned from the last packet, and true of the caches at once
	s.saw("1 emc output:2")
	if a, b, c := len(s.peers["a"].RecvBytes()), len(s.peers["b"].RecvBytes()), len(s.peers["c"].RecvBytes()); a != 1 || b != 3 || c != 2 {
		t.Errorf("a, b and c got %d, %d and %d packets, want 1, 3 and 2", a, b, c)
	}
	t.Run("time passes when its owner says so", func(t *testing.T) {
		s.now += int64(11 * time.Second)
		s.Walk()
		s.send(1, udp(t, 1, 2, 7, 20))
		s.saw("1 slow output:2") // the flow was idle, the addresses are still known
		s.now += int64(301 * time.Second)
		s.Walk()
		s.send(1, udp(t, 1, 2, 7, 20))
		s.saw("1 slow output:2,output:3")
	})
}

func TestASteppedSwitchSeesCarriersWhenItWalks(t *testing.T) {
	s := newSteps(t, "in_port=1,actions=bundle(eth_src,0,active_backup,ofport,members:2,3)", "a", "b", "c")
	p := udp(t, 1, 2, 7, 20)
	s.send(1, p)
	s.saw("1 slow output:2")
	s.peers["b"].SetLink(false)
	s.send(1, p)
	s.saw("1 megaflow output:2")
	s.Walk()
	s.send(1, p)
	s.saw("1 emc output:3")
}

func TestRulesChangeWhilePacketsAreUnderWay(t *testing.T) {
	drop := func(s *steps) {
		f, err := openflow.ParseFlow("priority=40000,actions=drop")
		if err == nil {
			err = s.table.AddFlows([]openflow.Flow{f})
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Walk()
	}
	p := udp(t, 1, 2, 7, 20)
	for _, c := range []struct {
		name  string
		when  func(moments int, answers bool) bool
		wants []string
	}{
		{"before the slow path decides", func(n int, _ bool) bool { return n == 1 }, []string{"1 slow drop(rule)", "1 megaflow drop(rule)"}},
		// The answer is by the rules of before; what waited behind it meets the flow as it is now.
		{"when its answer is on the way", func(_ int, answers bool) bool { return answers }, []string{"1 slow output:2", "1 megaflow drop(rule)"}},
		{"not at all", func(int, bool) bool { return false }, []string{"1 slow output:2", "1 megaflow output:2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSteps(t, "actions=output:2", "a", "b")
			moments, changed := 0, false
			err := s.SendAll(1, [][]byte{p, p}, func(answers bool) {
				if moments++; !changed && c.when(moments, answers) {
					changed = true
					drop(s)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			s.saw(c.wants...)
		})
	}
	s := newSteps(t, "actions=output:2", "a", "b")
	if err := s.SendAll(1, [][]byte{p, make([]byte, 1<<20)}, nil); !errors.Is(err, datapath.ErrTooLong) {
		t.Errorf("got %v, want %v", err, datapath.ErrTooLong)
	}
	s.saw()
	s.send(1, p)
	s.saw("1 slow output:2")
}

func TestASteppedSwitchRefusesWhatTheArenaDoesNotHold(t *testing.T) {
	s := newSteps(t, "actions=NORMAL", "a", "b")
	if err := s.Send(1, make([]byte, 1<<20)); !errors.Is(err, datapath.ErrTooLong) {
		t.Errorf("got %v, want %v", err, datapath.ErrTooLong)
	}
	s.send(1, make([]byte, 5))
	if got := value(s.Drops(nil), "too_short"); got != 1 {
		t.Errorf("too_short is %d, want 1", got)
	}
	s.saw()
}
