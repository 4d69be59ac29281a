package openflow

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

func dump(tb *Table) string {
	var b strings.Builder
	for _, s := range tb.Flows(AllFlows()) {
		b.WriteString(s.String() + "\n")
	}
	return b.String()
}

func TestAddingFlows(t *testing.T) {
	t.Run("the same match and priority replaces", func(t *testing.T) {
		tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "priority=5,tcp,actions=2\npriority=6,tcp,actions=3")
		add(t, tb, "priority=5,tcp,actions=1,2")
		if got, want := dump(tb), "priority=6,tcp actions=output:3\npriority=5,tcp actions=output:1,output:2\n"; got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
	t.Run("a bad one keeps all out", func(t *testing.T) {
		tb, _ := newTable(t, Options{}, trunks(1), "")
		err := tb.AddFlows([]Flow{{}, {Table: 3, Actions: []Action{&GotoTable{Table: 2}}}})
		if err == nil || len(tb.Flows(AllFlows())) != 0 {
			t.Errorf("got %v and\n%s", err, dump(tb))
		}
		if err := tb.AddFlows([]Flow{{Table: NoTable}}); err == nil {
			t.Error("table 255: got no error")
		}
	})
}

func TestReplacingAllFlowsKeepsWhatStays(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2, 3), "tcp,actions=2\nudp,actions=2\narp,actions=2")
	tb.Credit(look(t, tb, "in_port=1,tcp").Trail, 3, 300, clock.now)
	list, err := ParseFlows(strings.NewReader("tcp,actions=2\nudp,actions=3\nicmp,actions=1"), "f")
	if err != nil {
		t.Fatal(err)
	}
	if added, removed, err := tb.ReplaceFlows(list); err != nil || added != 2 || removed != 2 {
		t.Fatalf("got %d added, %d removed, %v; want 2 and 2", added, removed, err)
	}
	if got, want := dump(tb), "icmp actions=output:1\ntcp actions=output:2\nudp actions=output:3\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, s := range tb.Flows(AllFlows()) {
		if want := map[bool]uint64{true: 3}[s.String() == "tcp actions=output:2"]; s.Packets != want {
			t.Errorf("%s: got %d packets, want %d", s.String(), s.Packets, want)
		}
	}
}

func TestModifyingFlows(t *testing.T) {
	mod := func(t *testing.T, tb *Table, s string, strict bool, want int) {
		t.Helper()
		m, err := Parser{}.ParseMod(s, strict)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := tb.ModFlows(m); err != nil || n != want {
			t.Errorf("%s: got %d, %v, want %d", s, n, err, want)
		}
	}
	tb, clock := newTable(t, Options{}, trunks(1, 2, 3), "cookie=1,priority=7,tcp,actions=2\ncookie=2,udp,actions=2")
	tb.Credit(look(t, tb, "in_port=1,tcp").Trail, 3, 300, clock.now)
	mod(t, tb, "ip,actions=3", false, 2)
	mod(t, tb, "cookie=2/-1,cookie=9,actions=1", false, 1)
	mod(t, tb, "cookie=5/-1,actions=1", false, 0)
	mod(t, tb, "priority=8,tcp,actions=drop", true, 1) // there is none: added
	want := "cookie=0x9, udp actions=output:1\npriority=8,tcp actions=drop\ncookie=0x1, priority=7,tcp actions=output:3\n"
	if got := dump(tb); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := tb.Flows(AllFlows())[2].Packets; got != 3 {
		t.Errorf("counters of a modified flow: got %d packets, want 3", got)
	}
	if _, err := (Parser{}).ParseMod("tcp", false); err == nil {
		t.Error("without actions: got no error")
	}
	if m, err := (Parser{}).ParseMod("tcp,actions=goto_table:5", false); err != nil {
		t.Error(err)
	} else {
		add(t, tb, "table=6,tcp,actions=1")
		if _, err := tb.ModFlows(m); err == nil || strings.Contains(dump(tb), "goto") {
			t.Errorf("goto_table backwards: got %v and\n%s", err, dump(tb))
		}
	}
}

func TestDumpsReadLikeThoseOfOvsOfctl(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2), "cookie=0x5,table=1,priority=7,idle_timeout=60,tcp,in_port=1,actions=2\ntable=2,actions=drop")
	clock.now += 1500e6
	tb.Credit([]uint64{ruleWord(tb.slots[0].rule)}, 3, 300, clock.now)
	clock.now += 2000e6
	m, err := Parser{}.ParseMod("table=2,actions=drop", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tb.ModFlows(m); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cookie=0x5, duration=3.500s, table=1, n_packets=3, n_bytes=300, idle_timeout=60, idle_age=2, priority=7,tcp,in_port=1 actions=output:2",
		"cookie=0x0, duration=3.500s, table=2, n_packets=0, n_bytes=0, idle_age=3, hard_age=0, actions=drop",
	}
	list := tb.Flows(AllFlows())
	for i := range want {
		if got := list[i].Text(Format{}); got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
	}
}

func TestFlowsExpire(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2), "idle_timeout=10,tcp,actions=2\nhard_timeout=10,udp,actions=2\narp,actions=2")
	v := look(t, tb, "in_port=1,tcp")
	clock.now += 9 * second
	tb.Credit(v.Trail, 1, 64, clock.now)
	if n := tb.Expire(clock.now); n != 0 {
		t.Errorf("before their time: got %d expired", n)
	}
	clock.now += second
	if n := tb.Expire(clock.now); n != 1 || strings.Contains(dump(tb), "udp") {
		t.Errorf("hard timeout: got %d expired, left\n%s", n, dump(tb))
	}
	clock.now += 9 * second
	if n := tb.Expire(clock.now); n != 1 || dump(tb) != "arp actions=output:2\n" {
		t.Errorf("idle timeout: got %d expired, left\n%s", n, dump(tb))
	}
}

func TestCreditGoesToTheRulesThatTookPart(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2), "tcp,actions=resubmit(,1)\ntable=1,priority=5,tcp,actions=2\ntable=1,priority=1,actions=drop")
	trail := look(t, tb, "in_port=1,tcp").Trail
	tb.Credit(trail, 2, 200, clock.now)
	for _, s := range tb.Flows(AllFlows()) {
		if took := strings.Contains(s.String(), "tcp"); s.Packets != map[bool]uint64{true: 2}[took] {
			t.Errorf("%s: got %d packets", s.String(), s.Packets)
		}
	}
	// A rule in the place of one that is gone gets nothing of what was meant for that.
	tb.DeleteFlows(AllFlows())
	add(t, tb, "udp,actions=2\ntable=1,udp,actions=2")
	tb.Credit(trail, 2, 200, clock.now)
	tb.Credit([]uint64{1 << 60, trailLearn << trailKind}, 2, 200, clock.now) // not ours, and cut short
	for _, s := range tb.Flows(AllFlows()) {
		if s.Packets != 0 {
			t.Errorf("%s: got %d packets, want 0", s.String(), s.Packets)
		}
	}
}

func TestThePortsOfATableHaveNames(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "in_port=p1,actions=p2")
	if got, want := dump(tb), "in_port=1 actions=output:2\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if name, ok := tb.PortName(2); !ok || name != "p2" {
		t.Errorf("got %q, %v", name, ok)
	}
	if _, ok := tb.PortName(9); ok {
		t.Error("port 9 has a name")
	}
}

func TestATableIsSafeForConcurrentUse(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "actions=NORMAL")
	var keys []*flow.Key
	for i := range 4 {
		keys = append(keys, packet(t, fmt.Sprintf("in_port=%d,tcp,dl_src=02:00:00:00:00:0%d,dl_dst=02:00:00:00:00:0%d", i%3+1, i, (i+1)%4)))
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			var v rules.Verdict
			for n := range int64(200) {
				v.Reset()
				if err := tb.Lookup(&rules.Query{Key: keys[i], Live: true, Now: n}, &v); err != nil {
					t.Error(err)
				}
				tb.Credit(v.Trail, 1, 64, n)
			}
		})
	}
	wg.Go(func() {
		var version uint64
		for n := range 50 {
			f, err := ParseFlow(fmt.Sprintf("priority=%d,tcp,idle_timeout=1,actions=2", n+1))
			if err != nil {
				t.Error(err)
			}
			if err := tb.AddFlows([]Flow{f}); err != nil {
				t.Error(err)
			}
			tb.Flows(AllFlows())
			tb.SetPorts(trunks(1, 2, 3)[:2+n%2])
			var c rules.ChangeSet
			version = tb.Changes(version, &c)
			tb.Expire(int64(n) * second)
		}
	})
	wg.Wait()
}

// The rule tables that a first packet of a new flow meets.
func BenchmarkLookup(b *testing.B) {
	run := func(name, flows, text string) {
		b.Run(name, func(b *testing.B) {
			tb, _ := newTable(b, Options{}, trunks(1, 2, 3), flows)
			q := &rules.Query{Key: packet(b, text), Now: tb.clock()}
			v := new(rules.Verdict)
			b.ReportAllocs()
			for b.Loop() {
				v.Reset()
				if err := tb.Lookup(q, v); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/pkt")
		})
	}
	const text = "in_port=1,tcp,nw_src=10.0.0.1,nw_dst=10.1.3.77,tp_src=999,tp_dst=80"
	run("1rule", "in_port=1,actions=2", text) // a patch panel

	// An access list: 125 rules each of eight kinds, none of which matches but the last.
	var acl strings.Builder
	for i := range 125 {
		for j, match := range []string{
			"tcp,nw_src=192.168.0.%d,tp_dst=443", "tcp,nw_dst=172.16.%d.0/24", "udp,tp_dst=%d", "tcp,tp_src=%d", "dl_src=02:00:00:00:01:%02x",
			"ip,nw_dst=172.17.%d.1", "dl_vlan=%d", "tcp,nw_src=192.168.%d.0/24,tp_dst=22",
		} {
			fmt.Fprintf(&acl, "priority=%d,"+match+",actions=drop\n", 10+j, i+1)
		}
	}
	run("1k-rules-8masks", acl.String()+"priority=1,actions=2", text)
}

// Two hosts that know each other, behind a learning switch: each packet of a flow nobody cached.
func BenchmarkNormal(b *testing.B) {
	b.Run("known", func(b *testing.B) {
		tb, _ := newTable(b, Options{}, trunks(1, 2, 3), "actions=NORMAL")
		live(b, tb, "in_port=2,"+fromB)
		q := &rules.Query{Key: packet(b, "in_port=1,tcp,"+fromA), Now: tb.clock(), Live: true}
		v := new(rules.Verdict)
		b.ReportAllocs()
		for b.Loop() {
			v.Reset()
			if err := tb.Lookup(q, v); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/pkt")
	})
}
