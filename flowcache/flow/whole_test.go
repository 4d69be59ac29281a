package flow

import "testing"

// The texts on the right are what ofproto/trace of Open vSwitch 3.1 prints for those on the left.
func TestWholeFlowsReadAsThoseOfOVS(t *testing.T) {
	const macs, none = "dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,", "vlan_tci=0x0000," + "dl_src=00:00:00:00:00:00,dl_dst=00:00:00:00:00:00,"
	const ip, rest = "nw_src=0.0.0.0,nw_dst=0.0.0.0,", "nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=no"
	const ip6 = "ipv6_src=::,ipv6_dst=::,ipv6_label=0x00000,"
	for text, want := range map[string]string{
		"in_port=1,tcp":                          "tcp,in_port=1," + none + ip + rest + ",tp_src=0,tp_dst=0,tcp_flags=0",
		"in_port=1,udp,nw_ttl=64":                "udp,in_port=1," + none + ip + "nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no,tp_src=0,tp_dst=0",
		"in_port=1,sctp":                         "sctp,in_port=1," + none + ip + rest + ",tp_src=0,tp_dst=0",
		"in_port=1,icmp":                         "icmp,in_port=1," + none + ip + rest + ",icmp_type=0,icmp_code=0",
		"in_port=1,ip":                           "ip,in_port=1," + none + ip + "nw_proto=0," + rest,
		"in_port=3,ip,nw_proto=5,nw_frag=later":  "ip,in_port=3," + none + ip + "nw_proto=5,nw_tos=0,nw_ecn=0,nw_ttl=0,nw_frag=later",
		"in_port=1,arp":                          "arp,in_port=1," + none + "arp_spa=0.0.0.0,arp_tpa=0.0.0.0,arp_op=0,arp_sha=00:00:00:00:00:00,arp_tha=00:00:00:00:00:00",
		"in_port=2,mpls,mpls_label=5,mpls_bos=1": "mpls,in_port=2," + none + "mpls_label=5,mpls_tc=0,mpls_ttl=0,mpls_bos=1",
		"in_port=1,dl_type=0x5":                  "in_port=1," + none + "dl_type=0x0005",
		"in_port=3,udp6,dl_vlan=7":               "udp6,in_port=3,dl_vlan=7,dl_vlan_pcp=0,vlan_tci1=0x0000," + macs + ip6 + rest + ",tp_src=0,tp_dst=0",
		"in_port=3,icmp6,icmp_type=135":          "icmp6,in_port=3," + none + ip6 + rest + ",icmp_type=135,icmp_code=0,nd_target=::,nd_sll=00:00:00:00:00:00,nd_tll=00:00:00:00:00:00",
		"in_port=1,udp,tun_id=5,metadata=7,reg1=3,pkt_mark=3,dl_vlan=6": "pkt_mark=0x3,udp,reg1=0x3,tun_id=0x5,metadata=0x7,in_port=1,dl_vlan=6,dl_vlan_pcp=0,vlan_tci1=0x0000," +
			macs + ip + rest + ",tp_src=0,tp_dst=0",
		"in_port=1,recirc_id=5,dp_hash=6,dl_type=0x5": "recirc_id=0x5,dp_hash=0x6,in_port=1," + none + "dl_type=0x0005",
	} {
		m, err := ParseMatch(text, Names{})
		if err != nil {
			t.Fatal(err)
		}
		whole := m.Key.Whole()
		if got := whole.String(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
		if !whole.Matches(&m.Key) {
			t.Errorf("%s: the flow does not match its own key", text)
		}
	}
}
