package datapath_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
)

// TestNoPacketSeesAMixOfOldAndNewRules: two rules that belong together change together, again and again,
// while packets come. Every packet is handled by both old ones or both new ones, whichever cache answers.
func TestNoPacketSeesAMixOfOldAndNewRules(t *testing.T) {
	version := func(tos, port int) string {
		return fmt.Sprintf("add udp,actions=mod_nw_tos:%d,resubmit(,1)\nadd table=1,udp,actions=output:%d", tos, port)
	}
	table := openflowTable(t, version(4, 2))
	o := twoWorkers
	o.SlowPath = datapath.SlowPath{MaxIdle: 5 * time.Millisecond, Revalidate: 2 * time.Millisecond}
	l := newLab(t, o, table, "a", "b", "c")
	want := map[string]byte{"b": 4, "c": 8}
	seen := make(map[string]int)
	look := func() {
		for port, tos := range want {
			for _, p := range l.peers[port].RecvBytes() {
				seen[port]++
				if p[15] != tos {
					t.Fatalf("a packet left port %s with TOS %d, which is the other version's", port, p[15])
				}
			}
		}
	}
	for i := range 400 {
		if i%4 == 0 {
			change(t, table, version(4*(1+i/4%2), 2+i/4%2))
		}
		for f := range 32 {
			l.peers["a"].SendBytes(udp(t, 1, 2, uint16(f), 20))
			look()
		}
		if i%4 == i/4%5 { // of some changes at once, of some later, of some never
			l.sw.Sync()
		}
	}
	waitUntil(t, "packets have left by both ports", func() bool { look(); return seen["b"] > 0 && seen["c"] > 0 })
	l.balanced()
	look()
}

// TestRulesBiteTogetherWhenTheCallReturns: after the change and Sync there is no packet of the old rules.
func TestRulesBiteTogetherWhenTheCallReturns(t *testing.T) {
	table := openflowTable(t, "udp,actions=output:2")
	l := newLab(t, datapath.Options{}, table, "a", "b", "c")
	for i := range 50 {
		l.send("a", udp(t, 1, 2, 7, 20), udp(t, 1, 2, uint16(i), 20))
		l.receive([]string{"b", "c"}[i%2], 2)
		change(t, table, fmt.Sprintf("delete\nadd udp,actions=output:%d", 2+(i+1)%2))
		l.sw.Sync()
	}
}

// TestAChangeOfOneRuleAmongThousandsLeavesOtherFlowsAlone counts the flows that are looked up again.
func TestAChangeOfOneRuleAmongThousandsLeavesOtherFlowsAlone(t *testing.T) {
	flows, repeats := 2000, 300
	if testing.Short() {
		flows, repeats = 400, 60
	}
	var rules []string
	for i := range flows {
		rules = append(rules, fmt.Sprintf("priority=9,udp,tp_src=%d,actions=output:2", i))
	}
	table := openflowTable(t, strings.Join(rules, "\n"))
	l := newLab(t, datapath.Options{SlowPath: datapath.SlowPath{MaxIdle: time.Hour, Revalidate: time.Hour}}, table, "a", "b")
	for i := range flows {
		l.send("a", udp(t, 1, 2, uint16(i), 20))
		if i%100 == 99 {
			l.receive("b", 100)
		}
	}
	l.sw.Sync()
	again := func() uint64 {
		s := l.sw.Stats().SlowPath
		return value(s, "kept") + value(s, "removed")
	}
	for _, c := range []struct {
		change string
		most   uint64
	}{
		{"modify_strict priority=9,udp,tp_src=77,actions=drop", 1},
		{"delete_strict priority=9,udp,tp_src=77", 1},
		{"add priority=10,udp,tp_src=0x40/0xfffc,actions=drop", 4},
		{"add priority=9,tcp,actions=drop", 0},
		{"add table=3,udp,tp_src=5000,actions=drop", 0},
		{strings.Join(slices.Repeat([]string{"modify udp,tp_src=5,actions=output:1\nmodify udp,tp_src=5,actions=output:2"}, repeats), "\n"), 1},
	} {
		before := again()
		change(t, table, c.change)
		l.sw.Sync()
		if got := again() - before; got > c.most {
			t.Errorf("%.60s: %d flows looked up again, want %d at most", c.change, got, c.most)
		}
	}
	if n := l.sw.Stats().Flows.Flows; n < flows-8 {
		t.Errorf("%d flows are left of %d", n, flows)
	}
}
