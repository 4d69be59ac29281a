package datapath_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
)

// openflowTable returns a rule table with flows, one a line.
func openflowTable(t testing.TB, flows string) *openflow.Table {
	t.Helper()
	table, err := openflow.New(openflow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	change(t, table, flows)
	return table
}

// change changes rules, one a line.
func change(t testing.TB, table *openflow.Table, text string) {
	t.Helper()
	list, err := openflow.Parser{}.ParseChanges(strings.NewReader(text), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Apply(list); err != nil {
		t.Fatal(err)
	}
}

// TestEveryPacketIsCountedByOneRule: packets of many flows go through all caches while rules are added,
// modified and removed all the time. When they have stopped, the counts of the rules that are there, and
// those that the removed ones had at last, are the packets sent, none more and none less.
func TestEveryPacketIsCountedByOneRule(t *testing.T) {
	table := openflowTable(t, "priority=1,send_flow_rem,actions=output:2")
	o := twoWorkers
	o.SlowPath = datapath.SlowPath{MaxIdle: 20 * time.Millisecond, Revalidate: 5 * time.Millisecond}
	o.Cache = datapath.CacheConfig{Flows: 256, EMCInsert: 1}
	l := newLab(t, o, table, "a", "b")
	last := table.Subscribe(openflow.WatchAll(), 1<<16)
	const flows, rounds = 100, 300
	sent, size := uint64(0), 0
	for i := range rounds {
		switch i % 4 {
		case 0:
			change(t, table, fmt.Sprintf("add priority=%d,udp,tp_src=%d,send_flow_rem,actions=output:2", 2+i%5, i%flows))
		case 1:
			change(t, table, fmt.Sprintf("modify udp,tp_src=%d,actions=%s", i%flows, []string{"drop", "output:2", "output:2,output:2"}[i%3]))
		case 2:
			change(t, table, fmt.Sprintf("delete udp,tp_src=%d", (i*7)%flows))
		case 3:
			change(t, table, fmt.Sprintf("delete_strict priority=1\nadd priority=1,send_flow_rem,actions=%s", []string{"output:2", "drop"}[i%2]))
		}
		if i%3 == 0 {
			l.sw.Sync() // changes take effect at once, or with the next regular walk
		}
		for f := range flows {
			p := udp(t, 1, 2, uint16((f*i)%flows), 20)
			sent += uint64(l.peers["a"].SendBytes(p))
			size = len(p)
		}
		l.peers["b"].RecvBytes()
	}
	waitUntil(t, "all packets are taken", func() bool {
		l.peers["b"].RecvBytes()
		return settled(l, sent)
	})
	l.balanced() // and dealt with
	l.sw.Sync()
	l.sw.Sync() // the caches have given up what the rules removed before the first were owed
	var packets, bytes uint64
	for _, f := range table.Flows(openflow.AllFlows()) {
		packets, bytes = packets+f.Packets, bytes+f.Bytes
	}
	removed := 0
	for len(last.C) > 0 {
		if e := <-last.C; e.Kind == openflow.FlowRemoved {
			packets, bytes = packets+e.Packets, bytes+e.Bytes
			removed++
		}
	}
	if packets != sent || bytes != sent*uint64(size) {
		t.Errorf("%d packets of %d bytes in all were counted, want %d of %d", packets, bytes, sent, sent*uint64(size))
	}
	if removed < rounds/4 || last.Lost() > 0 {
		t.Errorf("%d rules removed, %d events lost: the test shows less than it should", removed, last.Lost())
	}
}

// settled reports whether the switch has taken n packets from its ports.
func settled(l *lab, n uint64) bool {
	taken := uint64(0)
	for _, w := range l.sw.Stats().Workers {
		taken += w.Packets
	}
	return taken >= n
}
