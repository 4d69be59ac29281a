package openflow

import (
	"maps"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

const someOptions = "{class=0x102,type=0x80,len=4}->tun_metadata0,{class=0x102,type=0x81,len=8}->tun_metadata1,{class=0x102,type=0x82,len=20}->tun_metadata2"

// What a packet from port 1 with the source address 00:00:00:00:00:05 teaches in Open vSwitch 3.1 as well.
var learnedAsInOVS = map[string]string{
	"set_field:7->tun_metadata0,learn(tun_metadata0[0..31])":                                            "tun_metadata0=0x7 actions=drop",
	"learn(tun_metadata0[0..31]=7)":                                                                     "tun_metadata0=0x7 actions=drop",
	"learn(tun_metadata2[0..159]=7)":                                                                    "tun_metadata2=0x7 actions=drop",
	"set_field:0x1234->tun_metadata2,learn(tun_metadata2[0..159])":                                      "tun_metadata2=0x1234 actions=drop",
	"load:9->reg0,learn(eth_dst=eth_src,load:reg0[]->tun_metadata0[0..31])":                             "dl_dst=00:00:00:00:00:05 actions=set_field:0x9->tun_metadata0",
	"learn(load:5->tun_metadata1[8..15])":                                                               "actions=set_field:0x500/0xff00->tun_metadata1",
	"set_field:7->tun_metadata0,learn(eth_dst=eth_src,load:NXM_NX_TUN_METADATA0[0..31]->NXM_NX_REG0[])": "dl_dst=00:00:00:00:00:05 actions=load:0x7->NXM_NX_REG0[]",
	"set_field:0x123456789a->tun_metadata1,learn(load:tun_metadata1[0..63]->tun_metadata2[32..95])":     "actions=set_field:0x123456789a00000000/0xffffffffffffffff00000000->tun_metadata2",
	"set_field:2->tun_metadata1,learn(eth_dst=eth_src,output:tun_metadata1[0..15])":                     "dl_dst=00:00:00:00:00:05 actions=output:2",
	"set_field:0x20002->tun_metadata1,learn(eth_dst=eth_src,output:tun_metadata1[0..31])":               "dl_dst=00:00:00:00:00:05 actions=drop",
	"learn(eth_dst=eth_src,result_dst=tun_metadata0[3]),resubmit(,2)":                                   "dl_dst=00:00:00:00:00:05 actions=drop",
}

// What Open vSwitch learns otherwise, or refuses.
var learnedOtherwise = map[string]string{
	// OVS forgets which bits are meant, matches whole options when they are read again, and keeps the last part of several.
	"load:9->reg0,learn(tun_metadata1[0..31]=reg0[])":                                         "tun_metadata1=0x9/0xffffffff actions=drop",
	"learn(tun_metadata0[0..7]=7)":                                                            "tun_metadata0=0x7/0xff actions=drop",
	"load:9->reg0,learn(tun_metadata1[16..31]=reg0[0..15],tun_metadata1[32..47]=reg0[0..15])": "tun_metadata1=0x900090000/0xffffffff0000 actions=drop",
	// It refuses the whole of an option, which has a width of 992 bits for it.
	"set_field:7->tun_metadata0,learn(tun_metadata0)":                       "tun_metadata0=0x7 actions=drop",
	"learn(tun_metadata0=5)":                                                "tun_metadata0=0x5 actions=drop",
	"learn(tun_metadata2=0x1234567890abcdef1234567890abcdef)":               "tun_metadata2=0x1234567890abcdef1234567890abcdef actions=drop",
	"learn(load:5->tun_metadata0)":                                          "actions=set_field:0x5->tun_metadata0",
	"set_field:7->tun_metadata1,learn(tun_metadata1,load:9->tun_metadata1)": "tun_metadata1=0x7 actions=set_field:0x9->tun_metadata1",
}

func TestFlowsWithTunnelOptionsAreLearned(t *testing.T) {
	all := maps.Clone(learnedAsInOVS)
	maps.Copy(all, learnedOtherwise)
	for actions, want := range all {
		tb, _ := newTable(t, Options{}, trunks(1, 2), "")
		addOptions(t, tb, someOptions)
		if err := addLines(tb, "actions="+actions); err != nil {
			t.Errorf("%s: %v", actions, err)
			continue
		}
		const packet = "in_port=1,dl_src=00:00:00:00:00:05"
		live(t, tb, packet)
		if got := strings.TrimPrefix(learnedFlows(tb), "table=1, "); got != want {
			t.Errorf("%s: got %s, want %s", actions, got, want)
		}
		if _, err := (Parser{Options: tb.TunnelOptions()}).ParseFlow(learnedFlows(tb)); err != nil {
			t.Errorf("%s: what was learned cannot be read again: %v", actions, err)
		}
		rule := tb.Flows(Filter{Table: 0})[0].Flow.String()
		if again, err := ParseFlow(rule); err != nil || again.String() != rule {
			t.Errorf("%s: read again: %s, %v", rule, again.String(), err)
		}
	}
}

func TestALearnedOptionIsMatched(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2, 3), "")
	addOptions(t, tb, someOptions)
	flows := "in_port=1,actions=set_field:7->tun_metadata0,learn(tun_metadata0,output:in_port),resubmit(,1),3\n" +
		"in_port=2,actions=set_field:7->tun_metadata0,resubmit(,1)\nin_port=3,actions=set_field:8->tun_metadata0,resubmit(,1)"
	if err := addLines(tb, flows); err != nil {
		t.Fatal(err)
	}
	live(t, tb, "in_port=1")
	for packet, want := range map[string]string{"in_port=2": "output:1", "in_port=3": "drop(no_match)"} {
		if got := program(look(t, tb, packet)); got != want {
			t.Errorf("%s: got %s, want %s", packet, got, want)
		}
	}
}

func TestOptionsThatLearnNamesAreThere(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1), "")
	addOptions(t, tb, someOptions)
	for actions, want := range map[string]string{
		"learn(tun_metadata9=5)":                           "NXFMFC_INVALID_TLV_FIELD",
		"learn(load:5->tun_metadata9[0..7])":               "NXFMFC_INVALID_TLV_FIELD",
		"learn(tun_metadata0[0..39]=metadata[0..39])":      "OFPBAC_BAD_SET_LEN",
		"learn(tun_metadata0=0x123456789)":                 "OFPBAC_BAD_SET_LEN",
		"learn(load:tun_metadata0[30..37]->eth_dst[0..7])": "OFPBAC_BAD_SET_LEN",
		"learn(tun_metadata0=5/7)":                         "without a mask",
		"learn(tun_metadata0=reg0)":                        "as many bits on both sides",
	} {
		if err := addLines(tb, "actions="+actions); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", actions, err, want)
		}
	}
	if err := addLines(tb, "actions=learn(tun_metadata1=5)"); err != nil {
		t.Fatal(err)
	}
	if err := tb.DelTunnelOptions([]flow.Option{{Field: flow.FieldTunMetadata0 + 1}}); err == nil {
		t.Error("an option that learn needs was removed")
	}
}
