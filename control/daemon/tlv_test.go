package daemon_test

import (
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
)

func TestTunnelOptionsComeAndGo(t *testing.T) {
	l := start(t, twoPorts)
	one := []string{"{class=0x102,type=0x80,len=4}->tun_metadata0"}
	refuse(l, api.FlowAdd, api.FlowText{Lines: []string{"tun_metadata0=1,actions=drop"}}, api.BadConfig)
	if got := call(l, api.TLVAdd, api.TLVOptions{Options: one}).Count; got != 1 {
		t.Errorf("added %d, want 1", got)
	}
	refuse(l, api.TLVAdd, api.TLVOptions{Options: one}, api.Exists)
	refuse(l, api.TLVAdd, api.TLVOptions{Options: []string{"foo"}}, api.BadConfig)
	refuse(l, api.TLVAdd, api.TLVOptions{}, api.BadParams)
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"tun_metadata0=1,actions=set_field:2->tun_metadata0"}})
	rules := call(l, api.FlowDump, api.FlowMatch{Match: "tun_metadata0=1"})
	if len(rules) != 1 || rules[0].Match != "tun_metadata0=0x1" || !strings.Contains(rules[0].Text, "tun_metadata0=0x1 actions=set_field:0x2->tun_metadata0") {
		t.Errorf("got %+v", rules)
	}
	refuse(l, api.TLVDel, api.TLVOptions{}, api.Failed)
	m := call(l, api.TLVShow, api.BridgeName{})
	want := api.TLVOption{Class: 0x102, Type: 0x80, Length: 4, Field: "tun_metadata0"}
	if len(m) != 1 || m[0].UsedBytes != 4 || m[0].MaxBytes != 256 || len(m[0].Options) != 1 || m[0].Options[0] != want {
		t.Errorf("got %+v", m)
	}
	call(l, api.FlowDel, api.FlowText{})
	if got := call(l, api.TLVDel, api.TLVOptions{}).Count; got != 1 {
		t.Errorf("removed %d, want 1", got)
	}
}

func TestTunnelOptionsOfTheFileReplaceThoseThereAre(t *testing.T) {
	const file = "bridges: [{name: br0, tunnel-options: ['{class=1,type=1,len=8}->tun_metadata5'], flows: ['tun_metadata5=7,actions=drop']}]"
	l := start(t, file)
	call(l, api.TLVAdd, api.TLVOptions{Options: []string{"{class=1,type=2,len=4}->tun_metadata6"}})
	call(l, api.FlowAdd, api.FlowText{Lines: []string{"tun_metadata6,actions=drop"}})
	call(l, api.ConfigApply, api.Configuration{Text: strings.ReplaceAll(file, "tun_metadata5", "tun_metadata4")})
	m := call(l, api.TLVShow, api.BridgeName{})
	if len(m[0].Options) != 1 || m[0].Options[0].Field != "tun_metadata4" {
		t.Errorf("got %+v", m)
	}
	if rules := call(l, api.FlowDump, api.FlowMatch{}); len(rules) != 1 || rules[0].Match != "tun_metadata4=0x7" {
		t.Errorf("got %+v", rules)
	}
}
