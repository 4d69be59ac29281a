package datapath_test

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/pmd/memport"
)

// stamping writes the rules' edition into the source MAC of every packet and sends it out of port 2.
func stamping(edition uint32, noCache bool) func(*rules.Query, *rules.Verdict) error {
	return func(_ *rules.Query, v *rules.Verdict) error {
		mac := []byte{2, 0, 0, 0, 0, 0}
		binary.BigEndian.PutUint32(mac[2:], edition)
		v.Mask.SetExact(flow.FieldUDPSrc)
		v.Actions.Set(flow.FieldEthSrc, mac, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		v.Actions.Output(2)
		v.Trail = append(v.Trail, uint64(edition))
		v.NoCache = noCache
		return nil
	}
}

// TestAfterSyncNoPacketIsHandledByTheOldRules: senders write into each packet the edition of the rules
// for which Sync had returned when they sent it; the switch writes the edition it went by.
func TestAfterSyncNoPacketIsHandledByTheOldRules(t *testing.T) {
	for name, o := range map[string]struct {
		datapath.Options
		noCache bool
	}{
		"one worker that sleeps":        {Options: datapath.Options{Workers: datapath.WorkersConfig{Latency: time.Second}}},
		"two workers":                   {Options: twoWorkers},
		"two workers, nothing cached":   {Options: twoWorkers, noCache: true},
		"two workers, no room in cache": {Options: datapath.Options{Workers: twoWorkers.Workers, Cache: datapath.CacheConfig{Flows: 8}}},
	} {
		t.Run(name, func(t *testing.T) {
			table := newScript(t, 1, stamping(1, o.noCache))
			l := newLab(t, o.Options, table)
			l.add("a", memport.Options{Queues: 2})
			l.add("b", memport.Options{Queues: 2})
			var edition, sent atomic.Uint32
			edition.Store(1)
			stop := make(chan struct{})
			var senders sync.WaitGroup
			for q, from := range l.peers["a"].Queues() {
				template := udp(t, 1, 2, 0, 4)
				senders.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						binary.BigEndian.PutUint16(template[34:], uint16(2*(i%40)+q)) // flows
						binary.BigEndian.PutUint32(template[len(template)-4:], edition.Load())
						sent.Add(uint32(from.SendBytes(template)))
						runtime.Gosched()
					}
				})
			}
			got := 0
			look := func() {
				for _, q := range l.peers["b"].Queues() {
					for _, p := range q.RecvBytes() {
						got++
						at := binary.BigEndian.Uint32(p[len(p)-4:])
						by := binary.BigEndian.Uint32(p[8:])
						if by < at {
							t.Fatalf("a packet sent when edition %d was in force went by edition %d", at, by)
						}
					}
				}
			}
			for e := uint32(2); e <= 40; e++ {
				table.change(rules.ChangeSet{All: true}, stamping(e, o.noCache))
				l.sw.Sync()
				edition.Store(e)
				for range 4 {
					look()
					time.Sleep(100 * time.Microsecond)
				}
			}
			close(stop)
			senders.Wait()
			waitUntil(t, "every packet sent or dropped", func() bool {
				look()
				lost := 0
				for _, s := range l.sw.Stats().Drops {
					lost += int(s.Value)
				}
				for _, p := range l.sw.Ports() {
					lost += int(value(p.Samples, "tx_full"))
				}
				return got+lost == int(sent.Load())
			})
			l.sw.Sync()
			if want := uint64(sent.Load()) - value(l.sw.Stats().Caches, "undecided"); table.total().packets != want {
				t.Errorf("%d packets credited to the rules, want %d", table.total().packets, want)
			}
		})
	}
}

func TestARuleIsCreditedWithEveryPacketAndByte(t *testing.T) {
	// Packets of many sizes and flows over two workers, the first of each flow through the slow path,
	// flows that idle out between two bursts and come back.
	rule := func(q *rules.Query, v *rules.Verdict) error {
		v.Trail = append(v.Trail, q.Key.Uint(flow.FieldUDPSrc)%3)
		return toPort(2)(q, v)
	}
	table := newScript(t, 1, rule)
	o := twoWorkers
	o.SlowPath = datapath.SlowPath{MaxIdle: 5 * time.Millisecond, Revalidate: time.Millisecond}
	l := newLab(t, o, table)
	l.add("a", memport.Options{Queues: 2})
	l.add("b", memport.Options{Queues: 2})
	want := make(map[uint64]traffic)
	n := 0
	for round := range 30 {
		for i := range 40 {
			p := udp(t, 1, 2, uint16(i), (round*i)%1400)
			l.peers["a"].Queues()[i%2].SendBytes(p)
			w := want[uint64(i%3)]
			want[uint64(i%3)] = traffic{w.packets + 1, w.bytes + uint64(len(p))}
			n++
		}
		time.Sleep(time.Duration(round%3) * 4 * time.Millisecond)
	}
	got := 0
	waitUntil(t, "all packets through", func() bool {
		for _, q := range l.peers["b"].Queues() {
			got += len(q.RecvBytes())
		}
		return got == n
	})
	l.sw.Sync()
	for rule, w := range want {
		if g := table.credited[rule]; g != w {
			t.Errorf("rule %d has %+v, want %+v", rule, g, w)
		}
	}
	if value(l.sw.Stats().SlowPath, "idle") == 0 {
		t.Error("no flow idled out: the test shows less than it should")
	}
}

func TestAChangeLeavesFlowsAloneThatItDoesNotConcern(t *testing.T) {
	// Flow i has tag i%8, and goes out of port 2.
	rule := func(out uint32) func(q *rules.Query, v *rules.Verdict) error {
		return func(q *rules.Query, v *rules.Verdict) error {
			v.Tags = 1 << (q.Key.Uint(flow.FieldUDPSrc) % 8)
			return toPort(out)(q, v)
		}
	}
	table := newScript(t, 1, rule(2))
	o := datapath.Options{SlowPath: datapath.SlowPath{MaxIdle: time.Hour, Revalidate: time.Hour}}
	l := newLab(t, o, table, "a", "b")
	const flows = 80
	for i := range flows {
		l.send("a", udp(t, 1, 2, uint16(i), 20))
	}
	l.receive("b", flows)
	l.sw.Sync()
	count := func() (kept, updated, removed uint64) {
		s := l.sw.Stats().SlowPath
		return value(s, "kept"), value(s, "updated"), value(s, "removed")
	}
	step := func(name string, c rules.Change, decide func(*rules.Query, *rules.Verdict) error, wantKept, wantUpdated, wantRemoved uint64) {
		t.Run(name, func(t *testing.T) {
			k, u, r := count()
			table.change(rules.ChangeSet{Changes: []rules.Change{c}}, decide)
			l.sw.Sync()
			k2, u2, r2 := count()
			if k2-k != wantKept || u2-u != wantUpdated || r2-r != wantRemoved {
				t.Errorf("%d flows kept, %d of them updated, %d removed; want %d, %d, %d", k2-k, u2-u, r2-r, wantKept, wantUpdated, wantRemoved)
			}
		})
	}
	step("no flow has the tag", rules.Change{Tag: 1 << 20}, rule(2), 0, 0, 0)
	step("one flow in eight has it, and nothing is different", rules.Change{Tag: 1 << 3}, rule(2), flows/8, 0, 0)
	var one flow.Match
	one.Mask.SetExact(flow.FieldUDPSrc)
	copy(one.Key.Bytes(flow.FieldUDPSrc), []byte{0, 11})
	step("one flow has the tag and the match", rules.Change{Tag: 1 << 3, Match: &one}, rule(2), 1, 0, 0)
	step("other actions for the same packets replace those in place", rules.Change{Tag: 1 << 4}, rule(1), flows/8, flows/8, 0)
	finer := func(q *rules.Query, v *rules.Verdict) error {
		v.Mask.SetExact(flow.FieldIPSrc)
		return rule(2)(q, v)
	}
	step("rules that look at more than the flow does remove it", rules.Change{Tag: 1 << 5}, finer, 0, 0, flows/8)
	if n := l.sw.Stats().Flows.Flows; n != flows-flows/8 {
		t.Errorf("%d flows cached, want %d", n, flows-flows/8)
	}
}

func TestWhatATableLearnsFromAPacketReachesTheCache(t *testing.T) {
	// Like a learning switch: until port 2 has sent something, packets go to port 3.
	learnt := false
	var table *script
	table = newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
		v.Tags = 1
		switch {
		case q.Key.Uint(flow.FieldInPort) == 2:
			if q.Live && !learnt {
				learnt = true
				table.change(rules.ChangeSet{Changes: []rules.Change{{Tag: 1}}}, table.decide)
			}
			v.Actions.Output(1)
		case learnt:
			v.Actions.Output(2)
		default:
			v.Actions.Output(3)
		}
		return nil
	})
	l := newLab(t, datapath.Options{SlowPath: datapath.SlowPath{Revalidate: time.Hour}}, table, "a", "b", "c")
	l.send("a", udp(t, 1, 2, 7, 20))
	l.receive("c", 1)
	l.send("b", udp(t, 2, 1, 7, 20))
	l.receive("a", 1)
	// Nobody calls Sync and no interval ends: the switch follows on its own.
	waitUntil(t, "packets go to the port that was learnt", func() bool {
		l.send("a", udp(t, 1, 2, 7, 20))
		return len(l.peers["b"].RecvBytes()) > 0
	})
}

func TestFlowsOfATableThatIsReplacedAreCreditedToIt(t *testing.T) {
	first, second := newScript(t, 1, toPort(2)), newScript(t, 2, toPort(2))
	o := datapath.Options{SlowPath: datapath.SlowPath{Revalidate: time.Hour}}
	l := newLab(t, o, first, "a", "b")
	const n = 30
	burst := func() {
		for i := range n {
			l.send("a", udp(t, 1, 2, uint16(i%3), 20))
		}
		l.receive("b", n)
	}
	burst()
	l.setTable(t, second)
	if got := first.total().packets; got != n {
		t.Errorf("the old table has %d packets, want %d", got, n)
	}
	burst()
	l.sw.Sync()
	if got := second.total().packets; got != n {
		t.Errorf("the new table has %d packets, want %d", got, n)
	}
	// A port that goes takes its flows with it, but not what they counted.
	burst()
	if err := l.sw.DelPort("a"); err != nil {
		t.Fatal(err)
	}
	if got := second.total().packets; got != 2*n {
		t.Errorf("after the port has gone the table has %d packets, want %d", got, 2*n)
	}
}
