package openflow

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache/flow"
)

var registerName = regexp.MustCompile(`\b(x*)reg(\d+)`)

// upper returns a text that has the registers from reg16 on in place of those in front of them.
func upper(text string) string {
	return registerName.ReplaceAllStringFunc(text, func(name string) string {
		parts := registerName.FindStringSubmatch(name)
		n, err := strconv.Atoi(parts[2])
		if err != nil {
			panic(err)
		}
		return fmt.Sprintf("%sreg%d", parts[1], n+16>>len(parts[1]))
	})
}

// Registers of all widths that each step writes and a later one reads.
var registerCases = []struct{ name, flows, packet string }{
	{"load and match", "actions=load:5->reg3[4..7],resubmit(,1)\ntable=1,reg3=0x50/0xf0,actions=2\ntable=1,priority=1,actions=3", "in_port=1"},
	{"set and match with a mask", "actions=set_field:0x30/0xf0->xreg3,resubmit(,1)\ntable=1,reg7=0x30,reg6=0,actions=2\ntable=1,priority=1,actions=3", "in_port=1"},
	{"all widths", "actions=set_field:0x1000000020000000300000004->xxreg1,resubmit(,1)\ntable=1,reg4=1,reg5=2,xreg3=0x300000004,actions=2\ntable=1,priority=1,actions=3", "in_port=1"},
	{"move from the packet and back", "ip,actions=move:nw_src[]->reg2[],move:reg2[0..15]->eth_dst[0..15],2", "in_port=1,ip,nw_src=10.0.1.2"},
	{"the stack", "actions=load:3->reg1[],push:reg1[0..7],pop:xxreg3[64..71],output:reg13[]", "in_port=1"},
	{"output with a length", "actions=load:2->reg9[0..15],output(port=3,max_len=60),output:reg9[0..15]", "in_port=1"},
	{"a bundle", "actions=bundle_load(eth_src,0,active_backup,ofport,reg0[0..15],members:2,3),output:reg0[]", "in_port=1"},
	{"a hash", "actions=multipath(eth_src,0,modulo_n,1,0,reg15[]),resubmit(,1)\ntable=1,reg15=0,actions=2", "in_port=1"},
	{"the length of a packet", "actions=check_pkt_larger(1500)->reg8[5],resubmit(,1)\ntable=1,reg8=0x20,actions=2\ntable=1,priority=1,actions=3", "in_port=1"},
	{"a second look", "mpls,actions=load:7->reg12,load:2->xreg1,pop_mpls:0x0800,dec_ttl,resubmit(,1)\ntable=1,reg12=7,ip,actions=output:reg3[]", "mpls,in_port=1,mpls_bos=1"},
	{"a clone", "actions=clone(load:7->reg0,resubmit(,1)),resubmit(,1)\ntable=1,reg0=7,actions=2\ntable=1,reg0=0,actions=3", "in_port=1"},
	{"a group", "actions=load:7->reg5,group:1", "in_port=1"},
	{"a conjunctive match", "actions=load:7->reg5,resubmit(,1)\ntable=1,reg5=7,actions=conjunction(1,1/2)\ntable=1,in_port=1,actions=conjunction(1,2/2)\ntable=1,conj_id=1,reg5=7,actions=2", "in_port=1"},
	{"learning", "actions=load:2->reg1[],learn(table=1,reg1[]=reg1[],load:reg1[]->reg2[],output:reg1[0..15]),resubmit(,1)\ntable=2,reg2=2,actions=3", "in_port=1"},
}

// again returns the id of the context in a verdict, 0 without one.
func again(v *rules.Verdict) (id uint32) {
	eachContext(v.Trail, func(i uint32) { id = i })
	return id
}

func TestTheUpperRegistersWorkAsTheLower(t *testing.T) {
	outcome := func(flows, packet string) string {
		tb := groupTable(t, "group_id=1,type=all,bucket=actions=resubmit(,1)", flows)
		first := live(t, tb, packet)
		text := program(first)
		if id := again(first); id != 0 {
			second := look(t, tb, fmt.Sprintf("ip,nw_ttl=9,in_port=1,recirc_id=%#x,dp_hash=1", id))
			text += fmt.Sprintf(" and then %s by %x", program(second), second.Mask)
		}
		return fmt.Sprintf("%s by %x", text, first.Mask)
	}
	for _, c := range registerCases {
		want, got := outcome(c.flows, c.packet), outcome(upper(c.flows), c.packet)
		if got != want {
			t.Errorf("%s\nregisters from 16 on: %s\nbelow:                %s", c.name, got, want)
		}
	}
}

func TestTheUpperRegistersGoToControllersAndComeFromThem(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "actions=load:7->reg31,set_field:9->xreg8,controller")
	s := tb.SubscribePackets(0, 1)
	receive(t, tb, look(t, tb, "in_port=1"), []byte{1})
	if got, want := (<-s.C).Match.String(), "reg17=0x9,reg31=0x7,in_port=1"; got != want {
		t.Errorf("a controller is told %s, want %s", got, want)
	}
	tb, _ = newTable(t, Options{}, trunks(1, 2, 3), "reg31=7,actions=3")
	var in injected
	tb.SetSender(&in)
	o, err := Parser{Ports: tb}.ParsePacketOut("in_port=2,packet=00,xxreg7=7,actions=table")
	if err == nil {
		err = tb.SendPacket(&o)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := program(look(t, tb, fmt.Sprintf("in_port=2,recirc_id=%#x", in.recirc))); got != "output:3" {
		t.Errorf("a packet with register 31 from a controller: %s, want output:3", got)
	}
}

func TestAWordOfAnUpperRegisterIsNamedWhenRewritten(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1), "actions=load:1->reg19,resubmit(,1)")
	want := flow.WordBit(flow.Regs+1, 1) | flow.WordBit(flow.State, flow.OffActsetOutput/8)
	if got := look(t, tb, "in_port=1").Rewrote; got != want {
		t.Errorf("words %b are rewritten, want %b", got, want)
	}
}
