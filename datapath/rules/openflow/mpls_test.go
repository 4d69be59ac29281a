package openflow

import (
	"fmt"
	"strings"
	"testing"
)

const labelled = "in_port=1,dl_src=02:00:00:00:00:01,mpls,mpls_label=5,mpls_tc=2,mpls_ttl=9,"

func TestWhatIsBehindLabelsTakesASecondLook(t *testing.T) {
	const inner = "dl_src=02:00:00:00:00:01,tcp,nw_dst=10.0.0.9,nw_ttl=7"
	for _, c := range []struct {
		flows, packet, first string // with %x for the id of the recirculation, if there is one
		again, second        string
	}{
		{"mpls,actions=pop_mpls:0x0800,2,mod_dl_src:00:00:00:00:00:01,push_vlan:0x8100,3", labelled + "mpls_bos=1",
			"pop_mpls(eth_type=0x800),output:2,push_vlan(vid=0,pcp=0),set(dl_src=00:00:00:00:00:01),output:3", "", ""},
		{"mpls,actions=pop_mpls:0x0800,load:7->reg0,dec_ttl,2", labelled + "mpls_bos=1",
			"pop_mpls(eth_type=0x800),recirc(%#x)", inner, "set(nw_ttl=6),output:2"},
		{"mpls,actions=load:7->reg0,load:9->pkt_mark,pop_mpls:0x0800,resubmit(,1),exit,4\ntable=1,reg0=7,pkt_mark=9,ip,nw_dst=10.0.0.9,actions=goto_table:2\ntable=2,actions=3", labelled + "mpls_bos=1",
			"pop_mpls(eth_type=0x800),recirc(%#x)", inner, "output:3"},
		// The rest of all levels goes on, in order, where it stood.
		{"mpls,actions=2,resubmit(,1),5\ntable=1,actions=resubmit(,2),4\ntable=2,actions=pop_mpls:0x0800,dec_ttl,resubmit(,3),3\ntable=3,nw_ttl=6,ip,actions=2", labelled + "mpls_bos=1",
			"output:2,pop_mpls(eth_type=0x800),recirc(%#x)", inner, "set(nw_ttl=6),output:2,output:3,output:4,output:5"},
		{"mpls,actions=2,resubmit(,1),5\ntable=1,actions=pop_mpls:0x0800,dec_ttl,exit", labelled + "mpls_bos=1",
			"output:2,pop_mpls(eth_type=0x800),recirc(%#x)", inner, "drop(rule)"},
		{"mpls,actions=push:NXM_OF_ETH_SRC[],pop_mpls:0x0800,dec_ttl,pop:NXM_OF_ETH_DST[],write_actions(output:6)", labelled + "mpls_bos=1",
			"pop_mpls(eth_type=0x800),recirc(%#x)", inner, "set(dl_dst=02:00:00:00:00:01),set(nw_ttl=6),output:6"},
		// A copy has its own second look; the packet goes on as it was.
		{"mpls,actions=clone(pop_mpls:0x0800,dec_ttl,2),dec_mpls_ttl,3", labelled + "mpls_bos=1",
			"clone(pop_mpls(eth_type=0x800),recirc(%#x)),set(mpls_ttl=8),output:3", inner, "set(nw_ttl=6),output:2"},
		// Labels behind the first are known, as far as a key has them.
		{"mpls,actions=pop_mpls:0x8847,resubmit(,1)\ntable=1,mpls,mpls_label=1,actions=2", labelled + "mpls_bos=0,mpls_lse1=0x1140",
			"pop_mpls(eth_type=0x8847),output:2", "", ""},
		{"mpls,actions=pop_mpls:0x8847,resubmit(,1)\ntable=1,mpls,mpls_label=1,actions=2", labelled + "mpls_bos=0,mpls_lse1=0x1040,mpls_lse2=0x2040",
			"pop_mpls(eth_type=0x8847),recirc(%#x)", "mpls,mpls_label=1", "output:2"},
		{"actions=pop_mpls:0x0800,dec_mpls_ttl,resubmit(,1)\ntable=1,actions=2", "in_port=1,ip", "output:2", "", ""},
	} {
		table, _ := newTable(t, Options{}, trunks(1, 2, 3, 4, 5, 6), c.flows)
		v := look(t, table, c.packet)
		if c.again == "" {
			if got := program(v); got != c.first {
				t.Errorf("%s\ngot  %s\nwant %s", c.flows, got, c.first)
			}
			continue
		}
		contexts := 0
		var id uint32
		eachContext(v.Trail, func(i uint32) { contexts, id = contexts+1, i })
		if got, want := program(v), fmt.Sprintf(c.first, id); contexts != 1 || got != want {
			t.Errorf("%s\ngot  %s\nwant %s", c.flows, got, want)
			continue
		}
		if got := program(look(t, table, fmt.Sprintf("in_port=1,recirc_id=%#x,%s", id, c.again))); got != c.second {
			t.Errorf("%s\nthe second time got  %s\nwant %s", c.flows, got, c.second)
		}
	}
}

func TestPoppingConsultsNoMoreThanItMust(t *testing.T) {
	table, _ := newTable(t, Options{}, trunks(1, 2), "mpls,actions=pop_mpls:0x0800,2")
	v := look(t, table, labelled+"mpls_bos=1")
	m := v.Mask
	if got := fmt.Sprintf("%x", labelBytes(&m[2])); got != "000001000000000000000000" {
		t.Errorf("of the labels %s is consulted, want the first one's bottom bit", got)
	}
}

func TestOnlyWhatLooksBehindTheTypeTakesASecondLook(t *testing.T) {
	takes := func(actions string) bool {
		table := groupTable(t, "group_id=1,type=select,bucket=actions=2", "mpls,actions=pop_mpls:0x0800,"+actions)
		return strings.Contains(program(look(t, table, labelled+"mpls_bos=1")), "recirc(0x")
	}
	for _, actions := range []string{
		"output:2", "output(port=2,max_len=60)", "controller(id=3,userdata=01)", "note:00", "set_queue:1", "write_metadata:1", "load:1->reg0",
		"set_field:00:00:00:00:00:01->eth_dst", "move:eth_src[]->eth_dst[]", "push:eth_src", "push_vlan:0x8100",
		"bundle(eth_src,0,hrw,ofport,members:2)", "bundle(symmetric_l3,0,active_backup,ofport,members:2)",
		"bundle_load(eth_src,0,hrw,ofport,reg0[0..15],members:2)", "multipath(eth_src,0,modulo_n,2,0,reg0[])",
		"learn(table=1,eth_dst=eth_src,output:in_port)", "learn(table=1,eth_type=0x800,ip_dst=10.0.0.1)",
	} {
		if takes(actions) {
			t.Errorf("%s takes a second look", actions)
		}
	}
	for _, actions := range []string{
		"learn(table=1,eth_type=0x800,ip_dst=ip_src)", "bundle(nw_src,0,hrw,ofport,members:2)",
		"bundle_load(eth_src,0,hrw,ofport,nw_dst[0..15],members:2)", "multipath(symmetric_l3,0,modulo_n,2,0,reg0[])",
		"dec_ttl", "mod_nw_dst:10.0.0.1", "move:nw_src[]->reg0[]", "push:nw_ttl", "pop:nw_tos", "output:nw_src[0..15]", "resubmit(,1)",
		"output:table", "group:1", "fin_timeout(idle_timeout=1)",
	} {
		if !takes(actions) {
			t.Errorf("%s takes no second look", actions)
		}
	}
}

func TestASecondLookIsTheSameWhoeverAsks(t *testing.T) {
	table, clock := newTable(t, Options{}, trunks(1, 2), "mpls,actions=pop_mpls:0x0800,dec_ttl,2\npriority=40000,mpls,mpls_tc=3,actions=load:1->reg0,pop_mpls:0x0800,dec_ttl,2")
	ids := map[string]bool{}
	for _, packet := range []string{labelled + "mpls_bos=1", labelled + "mpls_bos=1", "in_port=2,mpls,mpls_bos=1,mpls_tc=2", "in_port=1,mpls,mpls_tc=3,mpls_bos=1"} {
		ids[program(look(t, table, packet))] = true
		clock.now += 9 * second
		table.Expire(clock.now)
	}
	if len(ids) != 2 {
		t.Errorf("programs %v, want two: one for each state", ids)
	}
	clock.now += 10 * second
	table.Expire(clock.now)
	if n := table.contexts.len(); n != 0 {
		t.Errorf("%d contexts are left", n)
	}
}
