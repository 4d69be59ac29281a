package openflow

import (
	"errors"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// addOptions makes the options in text known to a table.
func addOptions(t *testing.T, tb *Table, text string) {
	t.Helper()
	list, err := flow.ParseOptions(text)
	if err == nil {
		err = tb.AddTunnelOptions(list)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// addLines adds flows to a table, with what its options are called.
func addLines(tb *Table, lines string) error {
	list, err := Parser{Options: tb.TunnelOptions()}.ParseFlows(strings.NewReader(lines), "test")
	if err != nil {
		return err
	}
	return tb.AddFlows(list)
}

func TestWhatIsWrittenToOptionsIsSeenByLaterLookUps(t *testing.T) {
	for _, c := range []struct{ name, flows, want string }{
		{"a value", "actions=set_field:0x11223344->tun_metadata0,resubmit(,1)\ntable=1,tun_metadata0=0x11223344,actions=2", "output:2"},
		{"another value", "actions=set_field:5->tun_metadata0,resubmit(,1)\ntable=1,tun_metadata0=6,actions=2", "drop"},
		{"zero is a value", "actions=set_field:0->tun_metadata0,resubmit(,1)\ntable=1,tun_metadata0=0,actions=2", "output:2"},
		{"nothing was written", "actions=resubmit(,1)\ntable=1,tun_metadata0=0,actions=2", "drop"},
		{"present", "actions=load:0->tun_metadata0[0],resubmit(,1)\ntable=1,tun_metadata0,actions=2", "output:2"},
		{"a part", "actions=load:0xab->tun_metadata1[900..907],resubmit(,1)\ntable=1,tun_metadata1[900..903]=0xb,actions=2", "output:2"},
		{"a mask", "actions=set_field:0x0f->tun_metadata0,set_field:0xf0/0xf0->tun_metadata0,resubmit(,1)\ntable=1,tun_metadata0=0xff,actions=2", "output:2"},
		{"from a register", "actions=load:7->reg3,move:reg3[0..15]->tun_metadata1[500..515],resubmit(,1)\ntable=1,tun_metadata1[500..515]=7,actions=2", "output:2"},
		{"written and deleted", "actions=set_field:9->tun_metadata0,delete_field:tun_metadata0,resubmit(,1)\ntable=1,tun_metadata0,actions=2", "drop"},
		{"deleted and written", "actions=set_field:9->tun_metadata0,delete_field:tun_metadata0,load:1->tun_metadata0[0],resubmit(,1)\ntable=1,tun_metadata0=1,actions=2", "output:2"},
		{"to a register", "actions=set_field:0x70000->tun_metadata0,move:tun_metadata0[16..31]->reg1[0..15],resubmit(,1)\ntable=1,reg1=7,actions=2", "output:2"},
		{"all of one", "actions=set_field:0x" + strings.Repeat("ab", 124) + "->tun_metadata1,move:tun_metadata1->tun_metadata2,resubmit(,1)\ntable=1,tun_metadata2=0x" + strings.Repeat("ab", 124) + ",actions=2", "output:2"},
		{"by way of the stack", "actions=set_field:9->tun_metadata0,push:tun_metadata0[0..31],pop:reg0,resubmit(,1)\ntable=1,reg0=9,actions=2", "output:2"},
	} {
		tb, _ := newTable(t, Options{}, trunks(1, 2), "")
		addOptions(t, tb, "{class=1,type=1,len=4}->tun_metadata0,{class=1,type=2,len=124}->tun_metadata1,{class=1,type=3,len=124}->tun_metadata2")
		if err := addLines(tb, c.flows); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := program(look(t, tb, "in_port=1")); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestOptionsThatAPacketCameWithAreConsulted(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "")
	addOptions(t, tb, "{class=1,type=1,len=8}->tun_metadata5")
	if err := addLines(tb, "tun_metadata5[8..15]=1,actions=2"); err != nil {
		t.Fatal(err)
	}
	v := look(t, tb, "in_port=1")
	if got := string((&flow.Match{Mask: v.Mask}).Append(nil, flow.Names{Options: tb.TunnelOptions()})); !strings.Contains(got, "!tun_metadata5") {
		t.Errorf("the verdict rests on %s, want the option's absence in it", got)
	}
}

func TestWrittenOptionsAreNamedByBlock(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1, 2), "")
	addOptions(t, tb, "{class=1,type=1,len=60}->tun_metadata0,{class=1,type=2,len=8}->tun_metadata1")
	if err := addLines(tb, "actions=load:1->tun_metadata1[0..63],resubmit(,1)"); err != nil {
		t.Fatal(err)
	}
	want := flow.WordBit(flow.Options, 0) | flow.WordBit(flow.Options+1, 0) | flow.WordBit(flow.Tunnel, flow.OffTunPresent/8)
	if got := look(t, tb, "in_port=1").Rewrote &^ flow.WordBit(flow.State, flow.OffActsetOutput/8); got != want {
		t.Errorf("rewrote is %b, want %b", got, want)
	}
}

func TestOptionsStayAsLongAsFlowsUseThem(t *testing.T) {
	for _, line := range []string{
		"tun_metadata0,actions=drop", "actions=set_field:1->tun_metadata0", "actions=move:tun_metadata0[0..7]->reg0[0..7]",
		"actions=clone(load:1->tun_metadata0[0])", "actions=multipath(eth_src,0,modulo_n,2,0,tun_metadata0[0..3])",
	} {
		tb, _ := newTable(t, Options{}, trunks(1), "")
		addOptions(t, tb, "{class=1,type=1,len=4}->tun_metadata0,{class=1,type=2,len=4}->tun_metadata1")
		if err := addLines(tb, line); err != nil {
			t.Fatal(err)
		}
		if err := tb.DelTunnelOptions(nil); !errors.Is(err, ErrOptionUsed) {
			t.Errorf("%s: got %v", line, err)
		}
		if err := tb.DelTunnelOptions([]flow.Option{{Field: flow.FieldTunMetadata0 + 1}}); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		tb.DeleteFlows(AllFlows())
		if err := tb.DelTunnelOptions(nil); err != nil || len(tb.TunnelOptions().Options()) != 0 {
			t.Errorf("%s: got %v, %s", line, err, tb.TunnelOptions())
		}
	}
}

func TestFlowsWithOptionsThatTheTableDoesNotKnowAreRefused(t *testing.T) {
	for _, c := range []struct{ flow, want string }{
		{"actions=set_field:1->tun_metadata7", "NXFMFC_INVALID_TLV_FIELD"},
		{"actions=write_actions(set_field:1->tun_metadata7)", "NXFMFC_INVALID_TLV_FIELD"},
		{"actions=set_field:0x100000000->tun_metadata0", "OFPBAC_BAD_SET_LEN"},
		{"actions=load:1->tun_metadata0[32]", "OFPBAC_BAD_SET_LEN"},
		{"actions=move:tun_metadata0[1..32]->reg0", "OFPBAC_BAD_SET_LEN"},
		{"tun_metadata7=1,actions=drop", "NXFMFC_INVALID_TLV_FIELD"},
	} {
		tb, _ := newTable(t, Options{}, trunks(1), "")
		addOptions(t, tb, "{class=1,type=1,len=4}->tun_metadata0")
		if err := addLines(tb, c.flow); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.flow, err, c.want)
		}
	}
}

func TestFlowsWithOptionsPrintAsOVSPrintsThem(t *testing.T) {
	tb, _ := newTable(t, Options{}, trunks(1), "")
	addOptions(t, tb, "{class=1,type=1,len=4}->tun_metadata0")
	for _, c := range []struct{ in, want string }{
		{"tun_metadata0=1,actions=drop", "tun_metadata0=0x1 actions=drop"},
		{"actions=set_field:5->tun_metadata0", "actions=set_field:0x5->tun_metadata0"},
		{"actions=set_field:0x5/0xff->tun_metadata0", "actions=set_field:0x5/0xff->tun_metadata0"},
		{"actions=load:5->tun_metadata0[0..7]", "actions=set_field:0x5/0xff->tun_metadata0"},
		{"actions=load:5->NXM_NX_TUN_METADATA0[]", "actions=set_field:0x5->tun_metadata0"},
		{"actions=move:tun_metadata0[0..31]->reg0", "actions=move:NXM_NX_TUN_METADATA0[0..31]->NXM_NX_REG0[]"},
	} {
		f, err := Parser{Options: tb.TunnelOptions()}.ParseFlow(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := f.String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
}
