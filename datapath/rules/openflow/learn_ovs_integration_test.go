//go:build integration

package openflow

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// learnFrames are packets, for OVS's datapath and for us.
var learnFrames = []struct{ ovs, ours string }{
	{"in_port(1),eth(src=50:54:00:00:00:09,dst=50:54:00:00:00:0a),eth_type(0x0800),ipv4(src=10.0.0.2,dst=10.0.0.1,proto=6,tos=0,ttl=64,frag=no),tcp(src=8,dst=9),tcp_flags(0x002)",
		"in_port=1,tcp,dl_src=50:54:00:00:00:09,dl_dst=50:54:00:00:00:0a,nw_src=10.0.0.2,nw_dst=10.0.0.1,nw_ttl=64,tcp_src=8,tcp_dst=9,tcp_flags=0x2"},
	{"in_port(1),eth(src=50:54:00:00:00:0b,dst=50:54:00:00:00:0a),eth_type(0x8100),vlan(vid=7,pcp=3),encap(eth_type(0x0800),ipv4(src=10.0.0.3,dst=10.0.0.1,proto=17,tos=0,ttl=64,frag=no),udp(src=8,dst=53))",
		"in_port=1,udp,dl_vlan=7,dl_vlan_pcp=3,dl_src=50:54:00:00:00:0b,dl_dst=50:54:00:00:00:0a,nw_src=10.0.0.3,nw_dst=10.0.0.1,nw_ttl=64,udp_src=8,udp_dst=53"},
}

// TestOpenVSwitchLearnsTheSame: packets leave the same flows in both.
func TestOpenVSwitchLearnsTheSame(t *testing.T) {
	o := newOracle(t)
	duration := regexp.MustCompile(`(duration|idle_age|hard_age|n_packets|n_bytes)=[^,]*, `)
	for i, flows := range []string{
		"actions=learn(table=10,hard_timeout=300,priority=7,cookie=0x5,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],output:NXM_OF_IN_PORT[])",
		"tcp,actions=learn(table=10,idle_timeout=30,fin_idle_timeout=2,limit=3,result_dst=NXM_NX_REG0[0],dl_type=0x800,nw_proto=6,NXM_OF_TCP_DST[]=NXM_OF_TCP_SRC[],NXM_OF_IP_SRC[]=NXM_OF_IP_DST[]," +
			"reg1[0..3]=5,load:NXM_OF_ETH_SRC[0..15]->NXM_NX_REG2[16..31]),2\nudp,actions=learn(table=10,dl_type=0x800,NXM_OF_IP_DST[0..15]=NXM_OF_IP_SRC[16..31],vlan_tci=0x1007)",
		"actions=load:77->NXM_NX_REG3[],learn(table=10,cookie=9,limit=1,reg3,metadata=5,NXM_OF_ETH_SRC[],output:NXM_NX_REG3[0..15])",
	} {
		bridge := string(rune('k' + i))
		o.t = t
		o.bridge(bridge, trunks(1, 2), flows)
		tb, _ := newTable(t, Options{}, trunks(1, 2), flows)
		for _, p := range learnFrames {
			o.run("ovs-appctl", "netdev-dummy/receive", o.port(bridge, 1), p.ovs)
			time.Sleep(100 * time.Millisecond) // it is translated on another thread
			live(t, tb, p.ours)
		}
		var want, got []string
		for _, line := range strings.Split(o.run("ovs-ofctl", "dump-flows", bridge, "table=10"), "\n")[1:] {
			if line = strings.TrimSpace(duration.ReplaceAllString(line, "")); line != "" {
				want = append(want, line)
			}
		}
		for _, f := range tb.Flows(Filter{Table: 10}) {
			got = append(got, duration.ReplaceAllString(f.Text(Format{}), ""))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s\ngot\n%s\nwant\n%s", flows, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestOpenVSwitchLearnsTheSameTunnelOptions holds what a test without OVS expects against OVS.
func TestOpenVSwitchLearnsTheSameTunnelOptions(t *testing.T) {
	o := newOracle(t)
	o.bridge("l", trunks(1, 2), "")
	o.run("ovs-ofctl", "add-tlv-map", "l", someOptions)
	for actions, want := range learnedAsInOVS {
		o.run("ovs-ofctl", "del-flows", "l")
		o.addFlows("l", "in_port=1,actions="+actions)
		o.run("ovs-appctl", "dpctl/del-flows") // or a cached flow would answer
		o.run("ovs-appctl", "netdev-dummy/receive", o.port("l", 1), "in_port(1),eth(src=00:00:00:00:00:05,dst=50:54:00:00:00:ff),eth_type(0x0800),"+
			"ipv4(src=10.0.0.2,dst=10.0.0.1,proto=17,tos=0,ttl=64,frag=no),udp(src=8,dst=53)")
		got := ""
		for range 30 { // it is translated on another thread
			if got = o.run("ovs-ofctl", "--no-stats", "dump-flows", "l", "table=1"); got != "" {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got = strings.TrimPrefix(strings.TrimSpace(got), "table=1, "); got != want {
			t.Errorf("%s: OVS learns %s, the other test expects %s", actions, got, want)
		}
	}
}
