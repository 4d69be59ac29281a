package action

import (
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// The texts on the right are those of Open vSwitch 3.1 (ofproto/trace) for the same, but where it has no
// such action.
func TestProgramsInTheWordsOfOVSsDatapath(t *testing.T) {
	ones := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	for _, c := range []struct {
		name  string
		typ   uint64
		build func(*Program)
		want  string
	}{
		{"nothing", 0, func(*Program) {}, "drop"},
		{"a drop with its reason", 0, func(p *Program) { p.Drop(ByRule) }, "drop"},
		{"outputs", 0, func(p *Program) { p.Output(1); p.Output(100) }, "1,100"},
		{"tags", 0, func(p *Program) { p.PushVLAN(0x8100, 10|5<<13); p.PushVLAN(0x88a8, 1); p.PopVLAN(); p.Output(2) },
			"push_vlan(vid=10,pcp=5),push_vlan(tpid=0x88a8,vid=1,pcp=0),pop_vlan,2"},
		{"a tag in place", 0, func(p *Program) { p.Set(flow.FieldVLANTCI, []byte{0x60, 7}, []byte{0xef, 0xff}) }, "set(vlan(vid=7,pcp=3))"},
		{"part of a tag", 0, func(p *Program) { p.Set(flow.FieldVLANTCI, []byte{0, 7}, []byte{0, 0x0f}) }, "set(vlan(tci=0x7/0xf))"},
		{"fields of one header are one set", wire.TypeIPv4, func(p *Program) {
			p.Set(flow.FieldEthDst, []byte{2, 0, 0, 0, 0, 9}, ones)
			p.Set(flow.FieldIPSrc, []byte{10, 1, 1, 1}, ones[:4])
			p.Set(flow.FieldIPTTL, []byte{63}, ones[:1])
			p.Output(3)
		}, "set(eth(dst=02:00:00:00:00:09)),set(ipv4(src=10.1.1.1,ttl=63)),3"},
		{"type of service", wire.TypeIPv4, func(p *Program) { p.Set(flow.FieldIPTOS, []byte{0x14}, []byte{0xfc}) }, "set(ipv4(tos=0x14/0xfc))"},
		{"the same of IPv6", wire.TypeIPv6, func(p *Program) {
			p.Set(flow.FieldIPTOS, []byte{0x16}, []byte{0xff})
			p.Set(flow.FieldIPTTL, []byte{9}, []byte{0xff})
			p.Set(flow.FieldIPv6Label, []byte{0, 0, 0, 4}, []byte{0, 0xf, 0xff, 0xff})
		}, "set(ipv6(tclass=0x16,hlimit=9,label=0x4))"},
		{"ARP", 0, func(p *Program) {
			p.Set(flow.FieldARPSPA, []byte{10, 1, 1, 1}, ones[:4])
			p.Set(flow.FieldARPOp, []byte{4}, ones[:1])
		}, "set(arp(sip=10.1.1.1,op=4))"},
		{"a hash and another round", 0, func(p *Program) { p.Hash(HashL4, 0); p.Recirc(0x1f) }, "hash(l4(0)),recirc(0x1f)"},
		{"truncation", 0, func(p *Program) { p.Trunc(100); p.Output(2) }, "trunc(100),2"},
		{"labels", 0, func(p *Program) { p.PushMPLS(0x8847, 7<<12|1<<8|64); p.PopMPLS(0x0800) },
			"push_mpls(label=7,tc=0,ttl=64,bos=1,eth_type=0x8847),pop_mpls(eth_type=0x800)"},
		{"copies", 0, func(p *Program) { var q Program; q.PopVLAN(); q.Output(4); p.Clone(&q); p.Output(1) }, "clone(pop_vlan,4),1"},
		{"a rate", 0, func(p *Program) { p.Meter(3); p.Output(1) }, "meter(3),1"},
	} {
		var p Program
		c.build(&p)
		var key flow.Key
		key.SetUint(flow.FieldEthType, c.typ)
		if got := FormatODP(p.Words(), &key, nil); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	var p Program
	p.Output(7)
	if got := FormatODP(p.Words(), new(flow.Key), func(id uint32) string { return fmt.Sprintf("p%d", id) }); got != "p7" {
		t.Errorf("with names: got %s, want p7", got)
	}
}
