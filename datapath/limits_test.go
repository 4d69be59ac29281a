package datapath_test

import (
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// closedGate returns rules that make every look-up wait until open is called.
func closedGate(decide func(*rules.Query, *rules.Verdict) error) (gated func(*rules.Query, *rules.Verdict) error, open func()) {
	gate := make(chan struct{})
	gated = func(q *rules.Query, v *rules.Verdict) error {
		<-gate
		return decide(q, v)
	}
	return gated, func() { close(gate) }
}

func TestWhatWaitsForTheSlowPathIsBoundedAndCounted(t *testing.T) {
	seed := flow.FixedSeed(1) // under which senders 1 and 3 are in groups of their own
	o := datapath.Options{Seed: &seed, SlowPath: datapath.SlowPath{QueueLength: 8, Held: 20}}
	t.Run("later packets of one port's flows wait up to three quarters of the number held", func(t *testing.T) {
		gated, open := closedGate(toPort(2))
		l := newLab(t, o, newScript(t, 1, gated), "a", "b")
		for range 50 {
			l.send("a", udp(t, 1, 2, 7, 20))
		}
		l.waitFor("upcall_hold_full", drops, 50-1-15)
		l.waitFor("held", events, 15)
		open()
		l.receive("b", 16)
		l.waitFor("undecided", caches, 34)
		l.waitFor("upcall", caches, 1)
	})
	t.Run("first packets of flows wait up to the queue's length, one sender's up to seven eighths of it", func(t *testing.T) {
		gated, open := closedGate(toPort(2))
		l := newLab(t, o, newScript(t, 1, gated), "a", "b")
		for i := range 50 {
			l.send("a", udp(t, 1, 2, uint16(i), 20))
		}
		l.waitFor("upcall_source_full", drops, 50-7)
		for i := range 50 {
			l.send("a", udp(t, 3, 2, uint16(i), 20))
		}
		l.waitFor("upcall_queue_full", drops, 50-1)
		l.waitFor("upcall", caches, 8)
		open()
		l.receive("b", 8)
		// There is room again.
		l.send("a", udp(t, 1, 2, 40, 20))
		l.receive("b", 1)
	})
	t.Run("a port that has filled its queue takes no other's place", func(t *testing.T) {
		gated, open := closedGate(toPort(2))
		l := newLab(t, o, newScript(t, 1, gated), "a", "b", "c")
		for i := range 50 {
			l.send("a", udp(t, 1, 2, uint16(i), 20))
		}
		l.waitFor("upcall_source_full", drops, 50-7)
		l.send("c", udp(t, 3, 2, 1000, 20))
		l.waitFor("upcall", caches, 8)
		open()
		l.receive("b", 8)
	})
	t.Run("a sender that has no place left takes nothing of the port's rate of new flows", func(t *testing.T) {
		o := o
		o.NewFlows = 90 // 9 in a burst
		gated, open := closedGate(toPort(2))
		l := newLab(t, o, newScript(t, 1, gated), "a", "b")
		for i := range 50 {
			l.send("a", udp(t, 1, 2, uint16(i), 20))
		}
		l.waitFor("upcall_source_full", drops, 50-7)
		l.send("a", udp(t, 3, 2, 1000, 20))
		l.waitFor("upcall", caches, 8)
		open()
		l.receive("b", 8)
	})
	t.Run("a port with a rate of new flows starts no more of them, and sends on for those it has", func(t *testing.T) {
		o := o
		o.QueueLength, o.NewFlows = 64, 50 // 5 in a burst, and one every 20 ms
		l := newLab(t, o, newScript(t, 1, toPort(2)), "a", "b")
		for range 3 {
			for i := range 50 {
				l.send("a", udp(t, 1, 2, uint16(i), 20))
			}
		}
		var st datapath.Stats
		waitUntil(t, "every packet forwarded or refused", func() bool {
			st = l.sw.Stats()
			return value(st.Caches, "upcall")+found(st)+value(st.Drops, "new_flow_rate") == 150
		})
		if n := value(st.Caches, "upcall"); n < 5 || n > 40 {
			t.Errorf("%d new flows were served, want about 5", n)
		}
		if found(st) < 5 {
			t.Error("flows that were there were not served")
		}
	})
}

// found returns how many packets any cache has answered.
func found(st datapath.Stats) uint64 {
	return value(st.Caches, "latest_hit") + value(st.Caches, "emc_hit") + value(st.Caches, "megaflow_hit")
}

func TestPacketsAreServedWhenTheCacheIsFull(t *testing.T) {
	table := newScript(t, 1, toPort(2))
	o := datapath.Options{Cache: datapath.CacheConfig{Flows: 16}, SlowPath: datapath.SlowPath{MaxIdle: time.Hour, Revalidate: time.Hour}}
	l := newLab(t, o, table, "a", "b")
	const flows, rounds = 64, 4
	for range rounds {
		for i := range flows {
			l.send("a", udp(t, 1, 2, uint16(i), 20))
		}
		l.receive("b", flows)
	}
	if n := l.sw.Stats().Flows.Flows; n == 0 || n > 16 {
		t.Errorf("%d flows cached, want 1 to 16", n)
	}
	if st := l.sw.Stats().SlowPath; value(st, "cache_full")+value(st, "over_share")+value(st, "deferred") == 0 {
		t.Error("no flow is counted as not cached")
	}
	l.sw.Sync()
	if got := table.total().packets; got != flows*rounds {
		t.Errorf("%d packets credited, want %d", got, flows*rounds)
	}
}

func TestActionsThatCannotBeStoredDropThePacketByName(t *testing.T) {
	t.Run("no room for them", func(t *testing.T) {
		// Every flow has a program of its own.
		table := newScript(t, 1, func(q *rules.Query, v *rules.Verdict) error {
			v.Mask.SetExact(flow.FieldUDPSrc)
			port := q.Key.Bytes(flow.FieldUDPSrc)
			v.Actions.Set(flow.FieldUDPSrc, port, []byte{0xff, 0xff})
			v.Actions.Output(2)
			return nil
		})
		o := datapath.Options{Cache: datapath.CacheConfig{Flows: 4096, ListWords: 256}, SlowPath: datapath.SlowPath{MaxIdle: time.Hour}}
		l := newLab(t, o, table, "a", "b")
		const flows = 200
		for i := range flows {
			l.send("a", udp(t, 1, 2, uint16(i), 20))
		}
		got, lost := 0, 0
		waitUntil(t, "every packet sent on or counted as dropped", func() bool {
			got += len(l.peers["b"].RecvBytes())
			lost = int(value(drops(l.sw.Stats()), "lists_full"))
			return got+lost == flows
		})
		if got == 0 || lost == 0 {
			t.Errorf("%d packets sent on, %d dropped: want some of each", got, lost)
		}
	})
	t.Run("too many of them", func(t *testing.T) {
		table := newScript(t, 1, func(_ *rules.Query, v *rules.Verdict) error {
			for range 100_000 {
				v.Actions.Output(2)
			}
			return nil
		})
		l := newLab(t, datapath.Options{}, table, "a", "b")
		l.send("a", udp(t, 1, 2, 7, 20))
		l.waitFor("too_many_actions", drops, 1)
	})
}

func TestTheSwitchRunsWithoutAnExactMatchCache(t *testing.T) {
	l := newLab(t, datapath.Options{Cache: datapath.CacheConfig{EMCInsert: -1}}, newScript(t, 1, toPort(2)), "a", "b")
	for range 20 {
		l.send("a", udp(t, 1, 2, 7, 20), udp(t, 1, 2, 8, 20))
		l.receive("b", 2)
	}
	waitUntil(t, "all packets but the first of each flow found", func() bool { return found(l.sw.Stats()) == 38 })
	l.waitFor("emc_hit", caches, 0)
}

func TestAVerdictForOnePacketIsNotCached(t *testing.T) {
	table := newScript(t, 1, func(_ *rules.Query, v *rules.Verdict) error {
		v.NoCache = true
		v.Actions.Output(2)
		return nil
	})
	l := newLab(t, datapath.Options{}, table, "a", "b")
	const n = 500
	for i := range n {
		p := udp(t, 1, 2, 7, 2)
		p[len(p)-2], p[len(p)-1] = byte(i>>8), byte(i)
		l.send("a", p)
	}
	for i, p := range l.receive("b", n) {
		if got := int(p[len(p)-2])<<8 | int(p[len(p)-1]); got != i {
			t.Fatalf("packet %d came when %d was due", got, i)
		}
	}
	l.waitFor("upcall", caches, n)
	if got := table.total().packets; got != n {
		t.Errorf("%d packets credited, want %d", got, n)
	}
	if l.sw.Stats().Flows.Flows != 0 {
		t.Error("a flow is cached")
	}
}

func TestOptionsOutOfRangeAreNamed(t *testing.T) {
	pool := newPool(t)
	for want, o := range map[string]datapath.Options{
		"Options.Pool is missing":                         {},
		"Workers.Count -1: want 1 to 256":                 {Pool: pool, Workers: datapath.WorkersConfig{Count: -1}},
		"NewFlows -1: want 0 to 10000000":                 {Pool: pool, SlowPath: datapath.SlowPath{NewFlows: -1}},
		"QueueLength -5: want 1 to 1048576":               {Pool: pool, SlowPath: datapath.SlowPath{QueueLength: -5}},
		"Cache.Flows 5000000: want 1 to 4194304":          {Pool: pool, Cache: datapath.CacheConfig{Flows: 5_000_000, ListWords: 1}},
		"Cache.MasksPerPort -1: want 1 to 1024":           {Pool: pool, Cache: datapath.CacheConfig{MasksPerPort: -1}},
		"VLANLimit 3: want 1 to 2":                        {Pool: pool, VLANLimit: 3},
		"Held -1: want 1 to 2147483647":                   {Pool: pool, SlowPath: datapath.SlowPath{Held: -1}},
		"MaxIdle in ns -1: want 1 to 9223372036854775807": {Pool: pool, SlowPath: datapath.SlowPath{MaxIdle: -1}},
	} {
		sw, err := datapath.New(o)
		if err == nil {
			t.Errorf("a switch was made, want error %q", want)
			_ = sw.Close()
		} else if err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
	}
	// A CPU there is not: what was made by then must be given back.
	if _, err := datapath.New(datapath.Options{Pool: pool, Workers: datapath.WorkersConfig{CPUs: []int{100_000}}}); err == nil {
		t.Error("a worker runs on a CPU that is not there")
	}
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
}
