//go:build integration

package openflow

// An oracleCase is a set of flows and packets for them. Packets come with what OVS's ofproto/trace
// fills in: all else zero.
type oracleCase struct {
	name, flows string // flows, one a line, behind groups
	packets     []string
}

const (
	ip4  = "nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64"
	host = "dl_src=50:54:00:00:00:05,dl_dst=50:54:00:00:00:07"
)

func oracleCases() []oracleCase {
	tcp, udp := "tcp,"+host+","+ip4+",tp_src=1000,tp_dst=80", "udp,"+host+","+ip4+",udp_src=1000,udp_dst=53"
	tcp6 := "tcp6," + host + ",ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=64,tp_src=1000,tp_dst=80"
	arp := "arp," + host + ",arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_op=1,arp_sha=50:54:00:00:00:05"
	all := []string{"in_port=1," + tcp, "in_port=2," + udp, "in_port=1," + tcp6, "in_port=1," + arp, "in_port=1,dl_vlan=9,dl_vlan_pcp=3," + tcp}
	labelled := []string{
		"in_port=1," + host + ",dl_type=0x8847,mpls_label=5,mpls_tc=2,mpls_ttl=9,mpls_bos=1",
		"in_port=1,dl_vlan=7,dl_vlan_pcp=1,dl_type=0x8848,mpls_label=1048575,mpls_ttl=2,mpls_bos=1",
		"in_port=1," + host + ",dl_type=0x8847,mpls_label=6,mpls_ttl=1,mpls_bos=1",
		"in_port=1," + host + ",dl_type=0x8847,mpls_label=6,mpls_ttl=7,mpls_bos=0", // cut short
		"in_port=1," + host + ",dl_type=0x8847",
	}
	return []oracleCase{
		{"outputs to several ports", "actions=2,3,LOCAL", all},
		{"an output to the input port is left out", "actions=1,2,1", all},
		{"in_port sends back", "actions=in_port,2", all},
		{"all and flood leave out the input port", "actions=all,flood", all},
		{"an output to a port that is not there is left out", "actions=77,2", all},
		{"the rule of highest priority wins", "priority=1,actions=2\npriority=5,tcp,actions=3\npriority=4,ip,actions=4", all},
		{"no rule", "table=1,actions=2", all},
		{"Ethernet addresses", "actions=mod_dl_src:00:00:00:00:00:01,2,mod_dl_dst:00:00:00:00:00:02,3", all},
		{"set, output, set back, output", "dl_dst=50:54:00:00:00:07,actions=mod_dl_dst:00:00:00:00:00:02,2,mod_dl_dst:50:54:00:00:00:07,3", all},
		{"IPv4 addresses do nothing to other packets", "actions=mod_nw_src:1.1.1.1,mod_nw_dst:2.2.2.2,2", all},
		{"TOS, ECN and TTL", "ip,actions=mod_nw_tos:32,2,mod_nw_ecn:2,mod_nw_ttl:9,3\nipv6,actions=mod_nw_tos:32,2,mod_nw_ecn:2,mod_nw_ttl:9,3", all},
		{"ports of TCP", "tcp,actions=mod_tp_src:5,mod_tp_dst:6,2\ntcp6,actions=mod_tp_dst:7,2", all},
		{"ports of UDP", "udp,actions=mod_tp_src:5,mod_tp_dst:6,2", []string{"in_port=1," + udp, "in_port=1," + tcp}},
		{"load of part of a field", "ip,actions=load:0x5->NXM_OF_IP_SRC[0..7],load:1->NXM_OF_ETH_DST[40],2", all},
		{"move", "ip,actions=move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[],move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],2", all},
		{"dec_ttl", "actions=dec_ttl,2", append(all, "in_port=1,tcp,nw_ttl=1", "in_port=1,tcp6,nw_ttl=0", "in_port=1,udp,nw_ttl=2")},
		{"dec_ttl ends one table's actions only", "actions=2,resubmit(,1),3\ntable=1,actions=dec_ttl,4", []string{"in_port=1,tcp,nw_ttl=1", "in_port=1,tcp,nw_ttl=9"}},
		{"strip_vlan", "actions=strip_vlan,2", all},
		{"push_vlan with VLAN and priority", "actions=push_vlan:0x8100,mod_vlan_vid:5,mod_vlan_pcp:2,2", all},
		{"mod_vlan_vid makes a tag or changes it", "actions=mod_vlan_vid:7,2", all},
		{"mod_vlan_pcp makes a tag or changes it", "actions=mod_vlan_pcp:7,2", all},
		{"vlan_tci makes tags and takes them away", "in_port=1,actions=load:0x1005->NXM_OF_VLAN_TCI[],2,load:0->NXM_OF_VLAN_TCI[],3", all},
		{"a tag goes, another comes", "actions=strip_vlan,2,mod_vlan_vid:6,3,strip_vlan,4", all},
		{"resubmit sees what was changed", "actions=mod_nw_dst:9.9.9.9,resubmit(,1)\ntable=1,ip,nw_dst=9.9.9.9,actions=2\ntable=1,priority=1,actions=3", all},
		{"resubmit with another port looks up by that one", "in_port=1,actions=resubmit:2,3\nin_port=2,actions=1,2,4", all},
		{"registers and metadata", "actions=load:7->reg3[4..7],resubmit(,1)\ntable=1,reg3=0x70/0xf0,actions=load:9->OXM_OF_METADATA[],resubmit(,2)\ntable=2,metadata=9,actions=2", all},
		{"in_port can be changed", "actions=load:0->NXM_OF_IN_PORT[],1,2", all},
		{"output to the port that a register names", "actions=load:2->NXM_NX_REG0[0..15],output:NXM_NX_REG0[],load:1->NXM_NX_REG0[],output:NXM_NX_REG0[],load:70000->NXM_NX_REG0[],output:NXM_NX_REG0[],load:0xfffb->NXM_NX_REG0[],output:NXM_NX_REG0[0..15]", all},
		{"output to the port that a field of the packet names", "tcp,actions=output:NXM_OF_TCP_SRC[0..3],output:NXM_OF_IP_SRC[0..1]", all},
		{"truncated outputs", "actions=output(port=2,max_len=60),output(port=1,max_len=60),3,output(port=9,max_len=100),4", all},
		{"the port called table", "priority=1,actions=3\nreg0=1,actions=4\nreg0=0,priority=2,actions=load:1->NXM_NX_REG0[],table,2", all},
		{"the stack", "ip,actions=push:NXM_OF_IP_SRC[],push:NXM_OF_IP_DST[0..7],push:NXM_OF_ETH_SRC[],pop:NXM_OF_ETH_DST[],pop:NXM_OF_IP_SRC[8..23],pop:NXM_OF_IP_DST[],2,pop:NXM_OF_ETH_SRC[],3", all},
		{"in_port put aside", "actions=push:NXM_OF_IN_PORT[],load:0->NXM_OF_IN_PORT[],1,2,3,pop:NXM_OF_IN_PORT[],1,4", all},
		{"queues change nothing", "actions=set_queue:5,2,pop_queue,3,enqueue:4:7", all},
		{"notes change nothing", "actions=note:11.22,2,note:", all},
		{"an action set is carried out at the end", "actions=2,write_actions(output:3,set_field:00:00:00:00:00:07->eth_dst,push_vlan:0x88a8),goto_table:1\ntable=1,actions=4", all},
		{"an action set has its own order", "ip,actions=write_actions(resubmit(,5),output:2,output:3,set_field:00:00:00:00:00:07->eth_dst),goto_table:1\n" +
			"table=1,ip,actions=write_actions(output:4,dec_ttl,push_vlan:0x8100,set_field:4101->vlan_vid,pop_vlan)\ntable=5,actions=5", all},
		{"an action set that resubmits", "actions=write_actions(resubmit(,5),set_field:00:00:00:00:00:07->eth_dst),goto_table:1\ntable=5,actions=5,write_actions(output:2)", all},
		{"a cleared action set", "actions=write_actions(output:2),goto_table:1\ntable=1,priority=1,actions=clear_actions,write_actions(output:3)\ntable=1,tcp,actions=4,clear_actions", all},
		{"an action set after exit", "actions=3,write_actions(output:2),goto_table:1\ntable=1,tcp,actions=exit\ntable=1,priority=1,actions=4", all},
		{"an action set whose dec_ttl fails", "ip,actions=3,write_actions(dec_ttl,output:2),goto_table:1\ntable=1,actions=4", []string{"in_port=1,tcp,nw_ttl=1", "in_port=1,tcp,nw_ttl=9"}},
		{"actset_output is a field", "actions=resubmit(,1),write_actions(output:2),goto_table:1\ntable=1,actset_output=2,actions=3\ntable=1,priority=1,actset_output=unset,actions=4,write_metadata:0x12345/0xff00,goto_table:2\ntable=2,metadata=0x2300,actions=5", all},
		{"conjunctive matches", "priority=100,ip,nw_src=10.0.0.1,actions=conjunction(7,1/2)\npriority=100,ip,nw_src=10.0.0.3,actions=conjunction(7,1/2)\n" +
			"priority=100,tcp,tp_dst=80,actions=conjunction(7,2/2)\npriority=100,udp,udp_dst=54,actions=conjunction(7,2/2),conjunction(8,1/2)\n" +
			"conj_id=7,actions=2\npriority=50,udp,actions=3\npriority=0,actions=4", all},
		{"conjunctive matches below and beside others", "priority=100,tcp,actions=conjunction(7,1/2)\npriority=100,ip,actions=conjunction(7,2/2)\npriority=200,udp,actions=3\n" +
			"priority=90,ip,nw_dst=10.0.0.2,actions=conjunction(9,1/2)\npriority=90,tcp,actions=conjunction(9,2/2)\npriority=1,ip,conj_id=9,actions=2\npriority=0,actions=4", all},
		{"a conjunctive match in a later table", "actions=load:5->NXM_NX_REG0[],resubmit(,1)\ntable=1,priority=9,reg0=5,actions=conjunction(1,1/2)\n" +
			"table=1,priority=9,tcp,actions=conjunction(1,2/2)\ntable=1,conj_id=1,actions=2\ntable=1,priority=1,actions=3", all},
		{"exit ends it", "actions=resubmit(,1),3\ntable=1,actions=2,exit,4", all},
		{"a clone's changes stay in it", "actions=clone(mod_dl_dst:00:00:00:00:00:02,mod_vlan_vid:3,2,exit,4),3,clone(clone(strip_vlan,2),dec_ttl,resubmit(,1)),4\ntable=1,actions=mod_nw_dst:1.1.1.1,5", all},
		{"a loop drops", "actions=2,resubmit(,0)", all},
		{"NORMAL floods within the VLAN", "actions=NORMAL", []string{
			"in_port=1," + tcp, "in_port=1,dl_vlan=10,dl_vlan_pcp=5," + tcp, "in_port=3," + tcp, "in_port=3,dl_vlan=10," + tcp,
			"in_port=3,dl_vlan=0,dl_vlan_pcp=3," + tcp, "in_port=3,dl_vlan=0,dl_vlan_pcp=0," + tcp, "in_port=6," + tcp,
			"in_port=6,dl_vlan=30," + tcp, "in_port=6,dl_vlan=20," + tcp, "in_port=1,dl_vlan=0,dl_vlan_pcp=0," + tcp,
			"in_port=1,dl_vlan=0,dl_vlan_pcp=2," + tcp, "in_port=5," + arp, "in_port=LOCAL," + tcp,
		}},
		{"NORMAL does not forward reserved addresses", "actions=NORMAL", reservedPackets()},
		{"NORMAL after changes", "actions=mod_vlan_vid:10,NORMAL,mod_dl_src:00:00:00:00:00:09,2", all},
		{"IPv6", "ipv6,actions=set_field:fd00::9->ipv6_src,set_field:7->ipv6_label,dec_ttl,2", []string{"in_port=1," + tcp6}},
		{"labels are put on", "actions=push_mpls:0x8847,2,push_mpls:0x8848,set_field:7->mpls_label,set_field:3->mpls_tc,3,push_mpls:0x8847,4", append(labelled, all...)},
		{"a fourth label is refused", "actions=2,push_mpls:0x8847,push_mpls:0x8847,push_mpls:0x8847,3,push_mpls:0x8847,4", append(labelled, all...)},
		{"labels are taken off", "mpls,actions=2,pop_mpls:0x0800,3,mod_dl_src:00:00:00:00:00:01,4\nmplsm,actions=push_mpls:0x8847,2,pop_mpls:0x8848,3,pop_mpls:0x1234,4", labelled},
		{"labels are changed", "mpls,actions=set_field:9->mpls_label,set_field:1->mpls_tc,dec_mpls_ttl,2,set_mpls_ttl(77),3,push_mpls:0x8847,dec_mpls_ttl,4,pop_mpls:0x8847,5", labelled},
		{"labels behind tags", "mpls,actions=push_vlan:0x8100,set_field:4105->vlan_vid,2,push_mpls:0x8847,3,pop_vlan,4", labelled},
		{"groups of all types",
			"group_id=1,type=all,bucket=mod_dl_dst:00:00:00:00:00:02,output:2,bucket=mod_dl_src:00:00:00:00:00:01,output:3,bucket=drop\n" +
				"group_id=2,type=indirect,bucket=pop_vlan,output:4,output:5\n" +
				"group_id=3,type=ff,bucket=watch_port:77,output:2,bucket=watch_group:77,output:3,bucket=watch_port:4,push_vlan:0x8100,set_field:4099->vlan_vid,output:4\n" +
				"group_id=4,type=all,bucket=group:1,bucket=group:3,bucket=resubmit(,1)\n" +
				"actions=group:1,2,group:2,group:3,mod_dl_src:00:00:00:00:00:03,group:4,3", all},
		{"an exit ends a bucket only", "group_id=1,type=all,bucket=resubmit(,1),bucket=output:5\nactions=group:1,3\ntable=1,actions=2,exit,4", all},
		{"a group in the action set", "group_id=1,type=all,bucket=output:2,bucket=output:4\nactions=write_actions(group:1,output:3,set_field:00:00:00:00:00:02->eth_dst)", all},
		{"ARP", "arp,actions=load:2->NXM_OF_ARP_OP[],move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],mod_dl_src:00:00:00:00:00:01,in_port", []string{"in_port=1," + arp}},
	}
}

// reservedPackets are packets to addresses on the list of those not forwarded, and to their neighbours.
func reservedPackets() []string {
	var list []string
	for _, mac := range []string{
		"01:80:c2:00:00:00", "01:80:c2:00:00:0f", "01:80:c2:00:00:10", "00:e0:2b:00:00:00", "00:e0:2b:00:00:01", "00:e0:2b:00:00:04",
		"00:e0:2b:00:00:05", "00:e0:2b:00:00:06", "00:e0:2b:00:00:07", "01:00:0c:00:00:00", "01:00:0c:00:00:01", "01:00:0c:cc:cc:cc",
		"01:00:0c:cc:cc:cd", "01:00:0c:cc:cc:ce", "01:00:0c:cd:cd:cd", "01:00:0c:cc:cc:bf", "01:00:0c:cc:cc:c0", "01:00:0c:cc:cc:c7",
		"01:00:0c:cc:cc:c8",
	} {
		list = append(list, "in_port=1,dl_src=50:54:00:00:00:05,dl_dst="+mac)
	}
	return list
}
