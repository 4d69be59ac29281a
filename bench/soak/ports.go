package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/culvertdev/culvert/control/api"
)

// A variant is one of the two configurations between which the churn goes back and forth.
type variant int

const (
	plain   variant = iota // what the daemon starts with
	altered                // other rules, a port more, a port less, a port with other options
)

// Bridges, and the VLAN all stations are in.
const (
	mainBridge = "br0"
	farBridge  = "br1"
	stationTag = 10
	otherTag   = 20
)

// localNumber is the OpenFlow number of a bridge's own port, OFPP_LOCAL of OpenFlow 1.0.
const localNumber = 0xfffe

// ports returns the ports of a variant. capture is the path of the capture to play.
func ports(v variant, capture string) []api.NewPort {
	access := func(tag int) api.VLAN { return api.VLAN{Mode: "access", Tag: tag} }
	trunk := api.VLAN{Mode: "trunk", Trunks: []int{stationTag, otherTag}}
	// Small rings: four ports with up to two queues each must not fill the arena.
	afxdp := func(ring string) map[string]string { return map[string]string{"ring-size": ring} }
	c := "512"
	if v == altered {
		c = "256"
	}
	all := []api.NewPort{
		{Bridge: mainBridge, Name: "p1", Type: "afxdp", Number: 1, VLAN: access(stationTag), Options: afxdp("512")},
		{Bridge: mainBridge, Name: "p2", Type: "afxdp", Number: 2, VLAN: access(stationTag), Options: afxdp("512")},
		{Bridge: mainBridge, Name: "p3", Type: "afxdp", Number: 3, VLAN: access(stationTag), Options: afxdp(c)},
		{Bridge: mainBridge, Name: "p4", Type: "afpacket", Number: 4, VLAN: access(stationTag)},
		{Bridge: mainBridge, Name: "m0", Type: "memory", Number: 5, VLAN: trunk, Options: map[string]string{"link": "patch", "mtu": "9000"}},
		{Bridge: mainBridge, Name: "tap0", Type: "tap", Number: localNumber, VLAN: access(stationTag),
			// The same address each time it is added, as hosts remember it.
			Options: map[string]string{"address": localIPv4 + "/24," + localIPv6 + "/64", "mac": localMAC}},
		{Bridge: farBridge, Name: "m1", Type: "memory", Number: 1, VLAN: trunk, Options: map[string]string{"link": "patch", "mtu": "9000"}},
		{Bridge: farBridge, Name: "p5", Type: "afxdp", Number: 2, VLAN: access(stationTag), Options: afxdp("512")},
	}
	if v == altered {
		return append(all, api.NewPort{Bridge: farBridge, Name: "tap1", Type: "tap", Number: 3, VLAN: trunk})
	}
	return append(all, api.NewPort{Bridge: mainBridge, Name: "pcap0", Type: "pcap", Number: 6, VLAN: trunk,
		Options: map[string]string{"in": capture, "pace": "capture", "loop": "0"}})
}

// changes names the ports that are not the same object any more when one variant replaces the other.
func changes() []string { return []string{"p3", "pcap0", "tap1"} }

// rules returns the rules of a bridge in a variant. None of them keeps stations apart.
func rules(v variant, bridge string) []string {
	if bridge == farBridge {
		return nil // a learning switch
	}
	if v == altered {
		return []string{
			"priority=300,ipv6,ipv6_src=2001:db8::/32,actions=drop",
			"priority=210,udp,nw_dst=192.0.2.0/24,actions=mod_dl_src:02:5a:00:00:00:01,dec_ttl,NORMAL",
			"priority=200,dl_vlan=20,actions=drop",
			"priority=100,tcp,actions=goto_table:3",
			"priority=0,actions=resubmit(,2)",
			"table=2,priority=10,icmp,actions=NORMAL",
			"table=2,priority=0,actions=NORMAL",
			"table=3,priority=0,actions=NORMAL",
		}
	}
	return []string{
		"priority=300,ip,nw_src=192.0.2.7,actions=drop",
		"priority=210,udp,tp_dst=7,actions=resubmit(,10)",
		"priority=200,udp,nw_dst=198.51.100.0/24,actions=dec_ttl,NORMAL",
		"priority=190,udp,nw_dst=203.0.113.0/24,actions=push_vlan:0x8100,mod_vlan_vid:30,NORMAL",
		"priority=0,actions=NORMAL",
		"table=10,priority=0,actions=NORMAL",
	}
}

// configuration returns the text of a variant but for its control section.
func configuration(v variant, capture string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "metrics: {listen: %q}\n", metricsAddress)
	// Two workers, so that packets are handed over between them, and queues move.
	b.WriteString("workers: {count: 2, rebalance: 5s}\nvlan-limit: 2\nbridges:\n")
	for _, bridge := range []string{mainBridge, farBridge} {
		fmt.Fprintf(&b, "  - name: %s\n    ports:\n", bridge)
		for _, p := range ports(v, capture) {
			if p.Bridge == bridge {
				fmt.Fprintf(&b, "      - %s\n", portText(p))
			}
		}
		if lines := rules(v, bridge); lines != nil {
			b.WriteString("    flows:\n")
			for _, l := range lines {
				fmt.Fprintf(&b, "      - %q\n", l)
			}
		}
	}
	return b.String()
}

func portText(p api.NewPort) string {
	number := fmt.Sprint(p.Number)
	if p.Number == localNumber {
		number = "local"
	}
	vlan := fmt.Sprintf("{mode: access, tag: %d}", p.VLAN.Tag)
	if p.VLAN.Mode == "trunk" {
		vlan = fmt.Sprintf("{mode: trunk, trunks: [%d, %d]}", stationTag, otherTag)
	}
	var options []string
	for _, k := range slices.Sorted(maps.Keys(p.Options)) {
		options = append(options, fmt.Sprintf("%s: %q", k, p.Options[k]))
	}
	return fmt.Sprintf("{name: %s, type: %s, number: %s, vlan: %s, options: {%s}}", p.Name, p.Type, number, vlan, strings.Join(options, ", "))
}
