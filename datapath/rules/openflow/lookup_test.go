package openflow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// Programs have ports by OpenFlow number here.
func TestWhatIsDoneAndWhatWasLookedAt(t *testing.T) {
	for _, c := range []struct{ name, flows, packet, program, consulted string }{
		{"without rules everything is dropped", "", "in_port=1,tcp", "drop(no_match)", ""},
		{"a rule that drops", "actions=drop", "in_port=1,tcp", "drop(rule)", ""},
		{"a rule on the port alone looks at nothing else", "in_port=1,actions=2", "in_port=1,tcp", "output:2", ""},
		{"a rule that does not match has been looked at", "priority=2,tcp,tp_dst=80,actions=2\npriority=1,actions=3", "in_port=1,tcp,tp_dst=81", "output:3", "dl_type,nw_proto,nw_frag/0x1,tcp_dst"},
		{"a rule that cannot win any more has not", "priority=2,dl_dst=00:00:00:00:00:01,actions=2\npriority=1,tcp,actions=3", "in_port=1,tcp,dl_dst=00:00:00:00:00:01", "output:2", "dl_dst"},
		{"what is only overwritten is not looked at", "actions=mod_dl_src:00:00:00:00:00:01,mod_dl_dst:00:00:00:00:00:02,2", "in_port=1,tcp", "set(dl_src=00:00:00:00:00:01),set(dl_dst=00:00:00:00:00:02),output:2", ""},
		{"what actions wrote is not looked at when matched", "actions=mod_dl_dst:00:00:00:00:00:02,resubmit(,1)\ntable=1,dl_dst=00:00:00:00:00:02,actions=2", "in_port=1,tcp", "set(dl_dst=00:00:00:00:00:02),output:2", ""},
		{"setting an IP field looks at the type of packet", "actions=mod_nw_src:1.1.1.1,2", "in_port=1,tcp", "set(nw_src=1.1.1.1),output:2", "dl_type"},
		{"and does nothing to others", "actions=mod_nw_src:1.1.1.1,2", "in_port=1,arp", "output:2", "dl_type"},
		{"setting a port looks at protocol and fragment", "actions=mod_tp_dst:7,2", "in_port=1,udp", "set(udp_dst=7),output:2", "dl_type,nw_proto,nw_frag/0x2"},
		{"later fragments have no ports", "actions=mod_tp_dst:7,2", "in_port=1,udp,nw_frag=later", "output:2", "dl_type,nw_proto,nw_frag/0x2"},
		{"a set without an output is not done", "actions=2,mod_dl_dst:00:00:00:00:00:02", "in_port=1,tcp", "output:2", ""},
		{"set and set back is not done", "dl_dst=00:00:00:00:00:01,actions=mod_dl_dst:00:00:00:00:00:02,mod_dl_dst:00:00:00:00:00:01,2", "in_port=1,dl_dst=00:00:00:00:00:01", "output:2", "dl_dst"},
		{"set, output, set back, output", "dl_dst=00:00:00:00:00:01,actions=mod_dl_dst:00:00:00:00:00:02,2,mod_dl_dst:00:00:00:00:00:01,3", "in_port=1,dl_dst=00:00:00:00:00:01", "set(dl_dst=00:00:00:00:00:02),output:2,set(dl_dst=00:00:00:00:00:01),output:3", "dl_dst"},
		{"dec_ttl looks at the TTL", "actions=dec_ttl,2", "in_port=1,tcp,nw_ttl=9", "set(nw_ttl=8),output:2", "dl_type,nw_ttl"},
		{"dec_ttl of a TTL that has ended", "actions=dec_ttl,2", "in_port=1,tcp,nw_ttl=1", "send(0x1),drop(ttl_expired)", "dl_type,nw_ttl"},
		{"dec_ttl after a TTL was set looks at none", "actions=mod_nw_ttl:5,dec_ttl,2", "in_port=1,tcp,nw_ttl=1", "set(nw_ttl=4),output:2", "dl_type"},
		{"only the input port is left", "actions=1", "in_port=1", "drop(no_target)", ""},
		{"a port that is not there", "actions=9", "in_port=1", "drop(no_port)", ""},
		{"a port that is not there beside one that is", "actions=9,2", "in_port=1", "output:2", ""},
		{"a tag's VLAN changes, its priority stays unseen", "dl_vlan=5,actions=mod_vlan_vid:6,2", "in_port=1,dl_vlan=5,dl_vlan_pcp=3", "set(vlan_tci=0x0006/0x0fff),output:2", "vlan_tci/0x1fff"},
		{"a tag comes", "actions=mod_vlan_vid:6,2", "in_port=1", "push_vlan(vid=6,pcp=0),output:2", "vlan_tci,vlan_tpid,vlan_tci1"},
		{"a tag goes", "dl_vlan=5,actions=strip_vlan,2", "in_port=1,dl_vlan=5", "pop_vlan,output:2", "vlan_tci/0x1fff,vlan_tci1"},
		{"a tag goes and another comes", "dl_vlan=5,actions=strip_vlan,push_vlan:0x8100,mod_vlan_vid:7,2", "in_port=1,dl_vlan=5", "set(vlan_tci=0x1007),output:2", "vlan_tci,vlan_tpid,vlan_tci1"},
		{"two tags come", "actions=push_vlan:0x8100,mod_vlan_vid:5,push_vlan:0x88a8,mod_vlan_vid:6,2", "in_port=1", "push_vlan(vid=5,pcp=0),push_vlan(tpid=0x88a8,vid=6,pcp=0),output:2", "vlan_tci,vlan_tpid,vlan_tci1"},
		{"a tag that was changed, covered and uncovered is matched as changed", "dl_vlan=5,actions=mod_vlan_vid:6,2,push_vlan:0x8100,3,strip_vlan,resubmit(,1)\ntable=1,dl_vlan=6,actions=4", "in_port=1,dl_vlan=5", "set(vlan_tci=0x0006/0x0fff),output:2,push_vlan(vid=0,pcp=0),output:3,pop_vlan,output:4", "vlan_tci,vlan_tpid,vlan_tci1"},
		{"registers leave no trace", "actions=load:5->reg0,resubmit(,1)\ntable=1,reg0=5,actions=2", "in_port=1", "output:2", ""},
		{"move looks at what it copies", "actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],2", "in_port=1,dl_src=00:00:00:00:00:05", "set(dl_dst=00:00:00:00:00:05),output:2", "dl_src"},
		{"resubmit to itself never ends", "actions=2,resubmit(,0)", "in_port=1", "drop(too_deep)", ""},
		{"too many resubmits", "actions=" + strings.Repeat("resubmit(,1),", 4095) + "resubmit(,1)\ntable=1,actions=resubmit(,2)", "in_port=1", "drop(too_many_resubmits)", ""},
		{"exit ends all levels", "actions=resubmit(,1),3\ntable=1,actions=2,exit,4", "in_port=1", "output:2", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb, _ := newTable(t, Options{}, trunks(1, 2, 3, 4), c.flows)
			v := look(t, tb, c.packet)
			if got := program(v); got != c.program {
				t.Errorf("program: got %s, want %s", got, c.program)
			}
			if got := strings.TrimSuffix(strings.ReplaceAll(consulted(v), ",vlan_tpid1", ""), ","); got != c.consulted {
				t.Errorf("consulted: got %s, want %s", got, c.consulted)
			}
		})
	}
}

func TestTooManyOutputs(t *testing.T) {
	line := strings.TrimSuffix(strings.Repeat("2,", limitActions), ",")
	tb, _ := newTable(t, Options{}, trunks(1, 2), "actions="+strings.TrimSuffix(line, ",2")+",goto_table:1\ntable=1,actions="+
		strings.TrimSuffix(line, ",2")+",goto_table:2\ntable=2,actions="+line)
	if got := program(look(t, tb, "in_port=1")); got != "drop(too_many_actions)" {
		t.Errorf("got %.60s, want drop(too_many_actions)", got)
	}
}

func TestWhatIsTooMuchEndsByName(t *testing.T) {
	pushes := strings.TrimSuffix(strings.Repeat("push:NXM_NX_REG0[],", 64), ",")
	full := strings.Repeat("resubmit(,1),", 64) // 64 times 64 entries are all that there is room for
	for _, c := range []struct{ name, flows, packet, program string }{
		{"a full stack", "actions=" + full + "2\ntable=1,actions=" + pushes, "in_port=1", "output:2"},
		{"an entry more than the stack has room for", "actions=2," + full + "push:NXM_NX_REG0[],3\ntable=1,actions=" + pushes, "in_port=1", "drop(stack_too_deep)"},
		{"a fourth label", "actions=push_mpls:0x8847,push_mpls:0x8847,push_mpls:0x8847,push_mpls:0x8847,2", "in_port=1,ip", "drop(too_many_labels)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb, _ := newTable(t, Options{}, trunks(1, 2, 3), c.flows)
			if got := program(look(t, tb, c.packet)); got != c.program {
				t.Errorf("got %s, want %s", got, c.program)
			}
		})
	}
}

func TestAPortThatTheTableDoesNotKnow(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1), "actions=1")
	if got := program(look(t, tb, "in_port=7")); got != "drop(no_bridge)" {
		t.Errorf("got %s, want drop(no_bridge)", got)
	}
}

func TestRewrittenWordsAreNamed(t *testing.T) {
	word := func(block, off int) uint64 { return flow.WordBit(block, off/8) }
	dst := word(flow.Base, flow.OffEthDst)
	actset := word(flow.State, flow.OffActsetOutput) // which starts as "unset" for all packets
	for _, c := range []struct {
		name, flows string
		want        uint64
	}{
		{"nothing changed", "actions=resubmit(,1)", 0},
		{"changed and never looked up by", "actions=mod_dl_dst:00:00:00:00:00:01,2", 0},
		{"changed before a look-up", "actions=mod_dl_dst:00:00:00:00:00:01,resubmit(,1)", dst},
		{"a source address lies in two words", "actions=mod_dl_src:00:00:00:00:00:01,resubmit(,1)", dst | word(flow.Base, flow.OffEthSrc+5)},
		{"a register", "actions=load:1->reg3,resubmit(,1)", word(flow.Regs, 12)},
		{"in_port for one look-up", "actions=resubmit(2,1)", 1},
		{"a tag", "actions=push_vlan:0x8100,resubmit(,1)", word(flow.Base, flow.OffVLANTPID) | word(flow.Base, flow.OffVLANTCI)},
	} {
		tb, _ := newTable(t, Options{}, trunks(1, 2), c.flows)
		if got := look(t, tb, "in_port=1").Rewrote &^ actset; got != c.want {
			t.Errorf("%s: got words %b, want %b", c.name, got, c.want)
		}
	}
}

// lines collects a trace.
type lines struct{ text []string }

func (l *lines) Final(key *flow.Key) {
	l.text = append(l.text, fmt.Sprintf("final in_port=%d", key.Uint(flow.FieldInPort)))
}

func (l *lines) Step(depth int, line string) {
	l.text = append(l.text, strings.Repeat("    ", depth)+line)
}

func TestATraceHasOneLineAStep(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "priority=100,tcp,in_port=1,actions=dec_ttl,output:2,resubmit(,1)\n"+
		"table=1,cookie=0x7,actions=NORMAL,goto_table:3")
	var l lines
	lookQuery(t, tb, &rules.Query{Key: packet(t, "in_port=1,tcp,nw_ttl=5"), Trace: &l})
	want := []string{
		" 0. tcp,in_port=1, priority 100",
		"    dec_ttl",
		"    output:2",
		"    resubmit(,1)",
		"     1. priority 32768, cookie 0x7",
		"        NORMAL",
		"        -> no learned MAC for destination, flooding",
		"        goto_table:3",
		"         3. No match.",
		"            drop",
		"final in_port=1",
	}
	if got := strings.Join(l.text, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestALookupAllocatesNothing(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "priority=5,tcp,actions=dec_ttl,mod_dl_src:00:00:00:00:00:09,2,mod_vlan_vid:7,resubmit(,1)\n"+
		"table=1,tcp,actions=mod_nw_dst:1.2.3.4,3,9\nactions=NORMAL")
	live(t, tb, "in_port=2,dl_src=00:00:00:00:00:02")
	for _, text := range []string{"in_port=1,tcp,nw_ttl=9", "in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02", "in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:03"} {
		q := &rules.Query{Key: packet(t, text), Now: tb.clock(), Live: true}
		v := new(rules.Verdict)
		if n := testing.AllocsPerRun(100, func() {
			v.Reset()
			if err := tb.Lookup(q, v); err != nil {
				t.Fatal(err)
			}
			tb.Credit(v.Trail, 1, 64, q.Now)
		}); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", text, n)
		}
	}
}
