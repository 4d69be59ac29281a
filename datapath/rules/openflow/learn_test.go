package openflow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
)

// learned returns the flows of tables behind the first, without counts.
func learnedFlows(t *Table) string {
	var list []string
	for _, f := range t.Flows(AllFlows()) {
		if f.Table != 0 {
			list = append(list, f.Flow.String())
		}
	}
	return strings.Join(list, "\n")
}

const learnSource = "learn(table=1,idle_timeout=10,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])"

func TestAPacketTeachesAFlow(t *testing.T) {
	for _, c := range []struct{ name, flows, packet, want string }{
		{"from fields and numbers", "ip,actions=learn(table=1,priority=5,cookie=0x7,hard_timeout=9,send_flow_rem,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],dl_type=0x800,load:0->NXM_OF_VLAN_TCI[],load:NXM_OF_IP_SRC[]->NXM_NX_REG0[],output:NXM_OF_IN_PORT[]),2",
			"in_port=1,tcp,dl_src=00:00:00:00:00:09,nw_src=1.2.3.4",
			"cookie=0x7, table=1, hard_timeout=9, send_flow_rem priority=5,ip,dl_dst=00:00:00:00:00:09 actions=load:0->NXM_OF_VLAN_TCI[],load:0x1020304->NXM_NX_REG0[],output:1"},
		{"from an input port, as a rule has it", "actions=learn(table=1,in_port,output:in_port)", "in_port=2", "table=1, in_port=2 actions=output:2"},
		{"from parts", "actions=load:0x12->NXM_NX_REG1[0..7],learn(table=1,reg0[0..3]=reg1[4..7],NXM_OF_VLAN_TCI[0..11])", "in_port=1,dl_vlan=7", "table=1, reg0=0x1/0xf,vlan_tci=0x0007/0x0fff actions=drop"},
		{"with a timeout for the end of a connection", "actions=learn(table=1,fin_idle_timeout=2,fin_hard_timeout=3,reg0=1)", "in_port=1", "table=1, reg0=0x1 actions=fin_timeout(idle_timeout=2,hard_timeout=3)"},
		{"from what actions wrote", "actions=mod_dl_src:00:00:00:00:00:05," + learnSource, "in_port=2", "table=1, idle_timeout=10, dl_dst=00:00:00:00:00:05 actions=output:2"},
		{"not to a port that flows cannot output to", "actions=load:0xfffa->NXM_NX_REG0[],learn(table=1,reg0=1,output:NXM_NX_REG0[])", "in_port=1", "table=1, reg0=0x1 actions=drop"},
		{"in a clone", "actions=clone(" + learnSource + ",2)", "in_port=1,dl_src=00:00:00:00:00:09", "table=1, idle_timeout=10, dl_dst=00:00:00:00:00:09 actions=output:1"},
	} {
		tb, _ := newTable(t, Options{}, trunks(1, 2), c.flows)
		look(t, tb, c.packet)
		if got := learnedFlows(tb); got != "" {
			t.Errorf("%s: without a packet: got %s", c.name, got)
		}
		live(t, tb, c.packet)
		if got := learnedFlows(tb); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		for _, f := range tb.Flows(Filter{Table: 1}) {
			if again, err := ParseFlow(f.Flow.String()); err != nil || again.Match != f.Match {
				t.Errorf("%s: what was learned and what it says are two: %v", c.name, err)
			}
		}
	}
}

func TestALearnedFlowIsForTheNextPacket(t *testing.T) {
	for _, c := range []struct{ name, flows, first, then string }{
		{"one that there was not", "actions=learn(table=1,in_port,load:2->NXM_NX_REG0[0..15]),resubmit(,1),output:NXM_NX_REG0[],3", "output:3", "output:2,output:3"},
		{"another than what there was", "actions=learn(table=1,in_port,output:NXM_OF_IN_PORT[]),resubmit(,1),2\ntable=1,in_port=1,actions=3", "output:3,output:2", "output:2"},
		{"the last of two of the same match", "actions=learn(table=1,in_port,load:2->NXM_NX_REG0[0..15]),learn(table=1,in_port,load:3->NXM_NX_REG0[0..15]),resubmit(,1),output:NXM_NX_REG0[],2", "output:2", "output:3,output:2"},
		{"after a second look", "actions=learn(table=1,in_port,load:2->NXM_NX_REG0[0..15]),check_pkt_larger(10)->NXM_NX_REG1[0],resubmit(,1),output:NXM_NX_REG0[],3", "again", "again"},
		{"in a table that is not looked at", "actions=learn(table=1,in_port,load:2->NXM_NX_REG0[0..15]),2", "output:2", "output:2"},
	} {
		tb, _ := newTable(t, Options{}, trunks(1, 2, 3), c.flows)
		v := live(t, tb, "in_port=1")
		if got := program(v); got != c.first && c.first != "again" {
			t.Errorf("%s: got %s for the packet that teaches, want %s", c.name, got, c.first)
		}
		if looked := v.Tags&tb.tableTag(1) != 0; looked && !v.NoCache {
			t.Errorf("%s: the verdict is cached, but not the next packet's", c.name)
		}
		v = live(t, tb, "in_port=1")
		if got := program(v); got != c.then && c.then != "again" {
			t.Errorf("%s: got %s for the next packet, want %s", c.name, got, c.then)
		}
		if v.NoCache {
			t.Errorf("%s: the verdict of a packet that has nothing new to teach is not cached", c.name)
		}
	}
}

func TestWhatTeachesIsLookedAt(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "ip,actions=learn(table=1,dl_type=0x800,NXM_OF_IP_DST[]=NXM_OF_IP_SRC[],NXM_OF_ETH_DST[0..7]=NXM_OF_ETH_SRC[40..47]),2")
	if got := consulted(look(t, tb, "in_port=1,tcp")); got != "dl_src/0xff0000000000,dl_type,nw_src" {
		t.Errorf("consulted %s", got)
	}
}

func TestLearningAgainGivesAFlowItsActionsAndCookie(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2, 3), "actions=learn(table=1,cookie=0x9,hard_timeout=30,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])")
	live(t, tb, "in_port=1,dl_src=00:00:00:00:00:09")
	version := tb.Changes(0, new(rules.ChangeSet))
	live(t, tb, "in_port=1,dl_src=00:00:00:00:00:09")
	if tb.Changes(version, new(rules.ChangeSet)) != version {
		t.Error("learning what is known is a change")
	}
	clock.now += 20 * second
	live(t, tb, "in_port=3,dl_src=00:00:00:00:00:09")
	if got, want := learnedFlows(tb), "cookie=0x9, table=1, hard_timeout=30, dl_dst=00:00:00:00:00:09 actions=output:3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	clock.now += 20 * second
	if n := tb.Expire(clock.now); n != 0 {
		t.Error("the hard timeout did not begin anew")
	}
	clock.now += 20 * second
	if n := tb.Expire(clock.now); n != 1 {
		t.Error("the flow does not go")
	}
}

func TestALearnedFlowLivesAsLongAsPacketsTeachIt(t *testing.T) {
	tb, clock := newTable(t, Options{}, trunks(1, 2), "actions="+learnSource+",2")
	v := live(t, tb, "in_port=1,dl_src=00:00:00:00:00:09")
	tb.Hold(v.Trail)
	for range 10 {
		clock.now += 8 * second
		tb.Credit(v.Trail, 1, 64, clock.now)
		if tb.Expire(clock.now); learnedFlows(tb) == "" {
			t.Fatal("a flow in use went")
		}
	}
	clock.now += 11 * second
	tb.Credit(v.Trail, 0, 0, 0) // no packets
	if tb.Expire(clock.now); learnedFlows(tb) != "" {
		t.Fatal("a flow that nobody teaches stayed")
	}
	clock.now += 100 * second
	tb.Credit(v.Trail, 1, 64, clock.now)
	if got, want := learnedFlows(tb), "table=1, idle_timeout=10, dl_dst=00:00:00:00:00:09 actions=output:1"; got != want {
		t.Errorf("after packets came again: got %s, want %s", got, want)
	}
	tb.DeleteFlows(AllFlows())
	tb.Credit(v.Trail, 1, 64, clock.now)
	if got := learnedFlows(tb); got != "" {
		t.Errorf("a rule that is gone taught %s", got)
	}
}

func TestALimitOnLearnedFlows(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "actions=learn(table=1,cookie=0x5,limit=2,result_dst=NXM_NX_REG0[0],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),resubmit(,2)\n"+
		"table=2,reg0=1,actions=2\ntable=2,reg0=0,actions=3\ntable=1,cookie=6,reg5=1,actions=drop")
	send := func(i int) string {
		return program(live(t, tb, fmt.Sprintf("in_port=1,dl_src=00:00:00:00:00:%02x", i)))
	}
	for i, want := range []string{"output:2", "output:2", "output:3"} {
		if got := send(i); got != want {
			t.Errorf("source %d: got %s, want %s", i, got, want)
		}
	}
	if got := send(0); got != "output:2" {
		t.Errorf("a source that is known: got %s, want output:2", got)
	}
	tb.DeleteFlows(Filter{Table: 1, Cookie: 5, CookieMask: ^uint64(0)})
	if got := send(2); got != "output:2" {
		t.Errorf("when there is room again: got %s, want output:2", got)
	}
}

func TestALimitHoldsWithinAPacket(t *testing.T) {
	const learn = "learn(table=1,cookie=0x5,limit=1,result_dst=NXM_NX_REG0[%d],%s)"
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3, 4, 5), "actions="+fmt.Sprintf(learn, 0, "NXM_OF_ETH_DST[]")+","+fmt.Sprintf(learn, 1, "NXM_OF_ETH_SRC[]")+","+
		fmt.Sprintf(learn, 2, "NXM_OF_ETH_DST[]")+",output:NXM_NX_REG0[]")
	for _, side := range []func(testing.TB, *Table, string) *rules.Verdict{look, live, live, look} {
		if got := program(side(t, tb, "in_port=1,dl_src=00:00:00:00:00:07,dl_dst=00:00:00:00:00:08")); got != "output:5" {
			t.Errorf("got %s, want output:5: the first and the third have learned", got)
		}
	}
	if got := learnedFlows(tb); got != "cookie=0x5, table=1, dl_dst=00:00:00:00:00:08 actions=drop" {
		t.Errorf("learned %s", got)
	}
}

func TestLearnedFlowsGoWithTheLastRuleThatTaughtThem(t *testing.T) {
	const teach = "actions=learn(table=1,cookie=0x5,delete_learned,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[])"
	tb, _ := newTable(t, Options{}, trunks(1, 2), "in_port=1,"+teach+"\nin_port=2,"+teach+"\ntable=1,cookie=6,reg0=1,actions=drop\ntable=2,cookie=5,actions=drop")
	live(t, tb, "in_port=1,dl_src=00:00:00:00:00:01")
	live(t, tb, "in_port=2,dl_src=00:00:00:00:00:02")
	if tb.Len() != 6 {
		t.Fatalf("%d flows, want 6", tb.Len())
	}
	filter := func(s string) Filter {
		f, err := ParseFilter(s, false)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	tb.DeleteFlows(filter("table=0,in_port=1"))
	if tb.Len() != 5 {
		t.Errorf("%d flows, want 5: another rule has the same learn", tb.Len())
	}
	m, err := Parser{}.ParseMod("in_port=2,actions=drop", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tb.ModFlows(m); err != nil {
		t.Fatal(err)
	}
	if got, want := learnedFlows(tb), "cookie=0x6, table=1, reg0=0x1 actions=drop\ncookie=0x5, table=2, actions=drop"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestATableThatIsFullLearnsNothing(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "actions=learn(table=1,result_dst=NXM_NX_REG0[0],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),resubmit(,2)\n"+
		"table=2,reg0=1,actions=2\ntable=2,reg0=0,actions=3\ntable=1,actions=drop")
	if err := tb.SetLimits(map[uint8]Limit{1: Limit{Flows: 1}}); err != nil {
		t.Fatal(err)
	}
	// For Open vSwitch, too, the result is that the flow keeps within its limit, of which it has none.
	if got := program(live(t, tb, "in_port=1,dl_src=00:00:00:00:00:01")); got != "output:2" {
		t.Errorf("got %s, want output:2", got)
	}
	if got := learnedFlows(tb); strings.Contains(got, "dl_dst") {
		t.Errorf("learned %s", got)
	}
}

func TestTheEndOfAConnectionLowersTimeouts(t *testing.T) {
	const rule = "idle_timeout=60,hard_timeout=100,tcp,actions=fin_timeout(idle_timeout=5),2\npriority=1,actions=fin_timeout(hard_timeout=9),2"
	tb, clock := newTable(t, Options{}, trunks(1, 2), rule)
	timeouts := func() string {
		f := tb.Flows(AllFlows())
		return fmt.Sprint(f[0].IdleTimeout, f[0].HardTimeout, f[1].IdleTimeout, f[1].HardTimeout)
	}
	live(t, tb, "in_port=1,tcp,tcp_flags=+ack")
	live(t, tb, "in_port=1,udp")
	look(t, tb, "in_port=1,tcp,tcp_flags=+fin+ack")
	if got := timeouts(); got != "60 100 0 0" {
		t.Errorf("before the end: %s", got)
	}
	v := look(t, tb, "in_port=1,tcp,tcp_flags=+rst")
	if got := consulted(v); got != "dl_type,nw_proto,nw_frag/0x2,tcp_flags/0x5" {
		t.Errorf("consulted %s", got)
	}
	tb.Credit(v.Trail, 1, 64, clock.now)
	if got := timeouts(); got != "5 100 0 0" {
		t.Errorf("after a cached packet ended it: %s", got)
	}
	clock.now += 5 * second
	if n := tb.Expire(clock.now); n != 1 {
		t.Errorf("%d flows went, want 1", n)
	}
	live(t, tb, "in_port=1,tcp,tcp_flags=+fin")
	if f := tb.Flows(AllFlows()); f[0].HardTimeout != 9 {
		t.Errorf("the rule without a timeout has %d s", f[0].HardTimeout)
	}
	clock.now += 9 * second
	if n := tb.Expire(clock.now); n != 1 {
		t.Errorf("%d flows went, want 1", n)
	}
}
