package datapath_test

import (
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// A failover is a table that sends to the first port of a list that is up.
type failover struct {
	*script
	mu sync.Mutex
	up map[uint32]bool
}

func (f *failover) SetPorts(ports []rules.Port) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up = make(map[uint32]bool)
	for _, p := range ports {
		f.up[p.ID] = p.Up
	}
	if f.version > 0 {
		f.change(rules.ChangeSet{All: true}, f.decide)
	}
}

func (f *failover) first(_ *rules.Query, v *rules.Verdict) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	v.Mask.SetExact(flow.FieldUDPSrc)
	for id := uint32(2); id <= 3; id++ {
		if f.up[id] {
			v.Actions.Output(id)
			return nil
		}
	}
	return nil
}

func TestTrafficFollowsCarriers(t *testing.T) {
	table := &failover{}
	table.script = newScript(t, 1, table.first)
	l := newLab(t, datapath.Options{}, table, "a", "b", "c")
	p := udp(t, 1, 2, 7, 20)
	moves := func(to string) {
		t.Helper()
		began := time.Now()
		for {
			l.send("a", p)
			time.Sleep(5 * time.Millisecond)
			n := len(l.peers[to].RecvBytes())
			for _, name := range []string{"b", "c"} {
				l.peers[name].RecvBytes()
			}
			if n > 0 {
				break
			}
			if time.Since(began) > time.Second {
				t.Fatalf("port %s has no packet after a second", to)
			}
		}
	}
	moves("b")
	l.peers["b"].SetLink(false)
	moves("c")
	l.peers["b"].SetLink(true)
	moves("b")
}
