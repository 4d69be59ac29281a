package openflow

import (
	"strings"
	"testing"
)

// Flows whose actions read or write fields, and whether their packets have them. The oracle is ovs-ofctl
// parse-flow, against which the integration test holds the table.
var consistencyCases = []struct {
	flow string
	ok   bool
}{
	{"ip,actions=set_field:1.1.1.1->ip_src", true},
	{"actions=set_field:1.1.1.1->ip_src", false},
	{"arp,actions=set_field:1.1.1.1->ip_src", false},
	{"actions=mod_nw_src:1.2.3.4", true},
	{"ipv6,actions=mod_nw_src:1.2.3.4", true},
	{"actions=dec_ttl", true},
	{"actions=mod_nw_tos:4", true},
	{"ip,actions=mod_tp_src:5", true},
	{"tcp,nw_frag=later,actions=mod_tp_src:5", true},
	{"tcp,nw_frag=later,actions=set_field:5->tcp_src", false},
	{"tcp,nw_frag=yes,actions=set_field:5->tcp_src", true},
	{"udp,actions=set_field:5->tcp_src", false},
	{"actions=load:1->NXM_OF_IP_SRC[]", false},
	{"actions=mod_vlan_vid:5,set_field:3->vlan_pcp", true},
	{"actions=mod_vlan_pcp:5,set_field:4101->vlan_vid", true},
	{"actions=set_field:4101->vlan_vid", false},
	{"actions=set_field:3->vlan_pcp", false},
	{"actions=set_field:4101->vlan_vid,set_field:3->vlan_pcp", false},
	{"actions=set_field:0x1005->vlan_tci,set_field:3->vlan_pcp", true},
	{"actions=set_field:5->vlan_tci,set_field:3->vlan_pcp", false},
	{"actions=push_vlan:0x8100,set_field:4101->vlan_vid", true},
	{"dl_vlan=3,actions=pop_vlan,set_field:4101->vlan_vid", false},
	{"vlan_tci=0x1000/0x1000,actions=set_field:4101->vlan_vid", true},
	{"actions=move:NXM_OF_IP_SRC[]->NXM_NX_REG0[]", false},
	{"ip,actions=move:NXM_OF_IP_SRC[]->NXM_NX_REG0[]", true},
	{"ip,actions=move:NXM_NX_REG0[]->NXM_OF_ARP_SPA[]", false},
	{"actions=push:NXM_OF_IP_SRC[]", false},
	{"actions=pop:NXM_OF_IP_SRC[]", false},
	{"actions=clone(set_field:5->tcp_src)", false},
	{"actions=clone(push_vlan:0x8100),set_field:4101->vlan_vid", false},
	{"actions=clone(push_vlan:0x8100,set_field:4101->vlan_vid)", true},
	{"actions=write_actions(set_field:5->tcp_src)", false},
	{"tcp,actions=write_actions(set_field:5->tcp_src)", true},
	{"dl_vlan=3,actions=write_actions(pop_vlan,set_field:4101->vlan_vid)", false},
	{"icmp6,icmp_type=135,icmp_code=0,actions=set_field:::1->nd_target", true},
	{"icmp6,icmp_type=135,actions=set_field:00:00:00:00:00:01->nd_sll", true},
	{"icmp6,icmp_type=136,icmp_code=0,actions=set_field:00:00:00:00:00:01->nd_sll", false},
	{"icmp6,actions=set_field:::1->nd_target", false},
	{"actions=multipath(eth_src,50,modulo_n,1,0,NXM_OF_IP_SRC[0..3])", false},
	{"ip,actions=multipath(eth_src,50,modulo_n,1,0,NXM_OF_IP_SRC[0..3])", true},
	{"actions=bundle_load(eth_src,0,hrw,ofport,NXM_OF_IP_SRC[0..15],members:1,2)", false},
	{"actions=check_pkt_larger(100)->NXM_OF_IP_SRC[0]", true},
	{"actions=output:NXM_OF_IP_SRC[]", false},
	{"actions=set_field:1->reg0,set_field:5->tun_id,set_field:3->metadata", true},
}

func TestActionsMayUseFieldsThatTheMatchEstablishes(t *testing.T) {
	for _, c := range consistencyCases {
		_, err := ParseFlow(c.flow)
		if (err == nil) != c.ok {
			t.Errorf("%s: got %v, want it taken: %v", c.flow, err, c.ok)
		}
		if err != nil && !strings.Contains(err.Error(), "OFPBAC_MATCH_INCONSISTENT") {
			t.Errorf("%s: %v does not say what OVS calls it", c.flow, err)
		}
	}
}
