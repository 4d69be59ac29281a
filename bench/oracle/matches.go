package oracle

import (
	"fmt"
	"strings"
)

// A value makes a random field=value for a match.
type value func(g *generator) string

// Match fields by what they need.
var (
	anyFields = []value{
		func(g *generator) string { return fmt.Sprintf("in_port=%d", pick(g, 1, 2, 3, 4, 5, 9)) },
		func(g *generator) string { return "dl_src=" + pick(g, macs[:3]...) },
		func(g *generator) string { return "dl_dst=" + pick(g, macs...) },
		func(g *generator) string {
			return "dl_dst=" + pick(g, "01:00:00:00:00:00/01:00:00:00:00:00", "02:00:00:00:00:00/ff:ff:ff:ff:ff:f0", "00:00:00:00:00:02/00:00:00:00:00:0e")
		},
		func(g *generator) string {
			return "dl_src=" + pick(g, "02:00:00:00:00:01/ff:00:00:00:00:01", "02:00:00:00:00:00/ff:ff:ff:ff:ff:fc")
		},
		func(g *generator) string { return fmt.Sprintf("dl_vlan=%d", pick(g, vids...)) },
		func(g *generator) string { return "dl_vlan=0xffff" },
		func(g *generator) string {
			return pick(g, "vlan_tci=0x1000/0x1000", "vlan_tci=0", "vlan_tci=0x1005/0x1fff", "vlan_tci=0x3000/0xf000")
		},
		func(g *generator) string {
			return pick(g, "vlan_vid=0x1005", "vlan_vid=0x1000/0x1000", "vlan_vid=0", "vlan_vid=0x1004/0x1004")
		},
		func(g *generator) string {
			return fmt.Sprintf("dl_vlan=%d,dl_vlan_pcp=%d", pick(g, vids...), pick(g, 0, 3, 7))
		},
		func(g *generator) string { return fmt.Sprintf("reg%d=%s", g.IntN(4), g.small()) },
		func(g *generator) string { return fmt.Sprintf("xreg0=%s", g.small()) },
		func(g *generator) string { return fmt.Sprintf("metadata=%s", g.small()) },
		func(g *generator) string { return fmt.Sprintf("pkt_mark=%s", g.small()) },
		func(g *generator) string { return fmt.Sprintf("tun_id=%s", g.small()) },
	}
	ipFields = []value{
		func(g *generator) string { return fmt.Sprintf("nw_ttl=%d", pick(g, 0, 1, 2, 64)) },
		func(g *generator) string { return fmt.Sprintf("nw_tos=%d", pick(g, 0, 0x20)) },
		func(g *generator) string { return fmt.Sprintf("nw_ecn=%d", pick(g, 0, 3)) },
		func(g *generator) string { return "nw_frag=" + pick(g, "no", "yes", "first", "later", "not_later") },
	}
	ip4Fields = append([]value{
		func(g *generator) string {
			return "nw_src=" + pick(g, ips4...) + pick(g, "", "", "/24", "/8", "/0.0.0.3", "/31")
		},
		func(g *generator) string {
			return "nw_dst=" + pick(g, ips4...) + pick(g, "", "", "/24", "/8", "/255.0.255.255", "/23")
		},
	}, ipFields...)
	ip6Fields = append([]value{
		func(g *generator) string {
			return "ipv6_src=" + pick(g, ips6...) + pick(g, "", "", "/64", "/8", "/127")
		},
		func(g *generator) string {
			return "ipv6_dst=" + pick(g, ips6...) + pick(g, "", "", "/64", "/16", "/ffff::ff")
		},
		func(g *generator) string { return fmt.Sprintf("ipv6_label=%s", pick(g, "0", "7", "0x1/0x1")) },
	}, ipFields...)
	protoFields = []value{
		func(g *generator) string { return fmt.Sprintf("nw_proto=%d", pick(g, 6, 17, 1, 47, 132)) },
	}
	portFields = []value{
		func(g *generator) string { return "tp_src=" + g.port() },
		func(g *generator) string { return "tp_dst=" + g.port() },
	}
	tcpFields = append([]value{
		func(g *generator) string {
			return "tcp_flags=" + pick(g, "+syn-ack", "-fin", "+ack", "0x002/0x003", "syn|ack")
		},
	}, portFields...)
	icmpFields = []value{
		func(g *generator) string { return fmt.Sprintf("icmp_type=%d", pick(g, 0, 3, 8)) },
		func(g *generator) string { return fmt.Sprintf("icmp_code=%d", pick(g, 0, 1)) },
	}
	ndFields = []value{
		func(g *generator) string { return "nd_target=" + pick(g, ips6...) + pick(g, "", "/64") },
	}
	arpFields = []value{
		func(g *generator) string { return fmt.Sprintf("arp_op=%d", pick(g, 1, 2)) },
		func(g *generator) string { return "arp_spa=" + pick(g, ips4...) + pick(g, "", "/24") },
		func(g *generator) string { return "arp_tpa=" + pick(g, ips4...) + pick(g, "", "/8") },
		func(g *generator) string { return "arp_sha=" + pick(g, macs[:3]...) },
		func(g *generator) string { return "arp_tha=" + pick(g, macs...) },
	}
	mplsFields = []value{
		func(g *generator) string { return fmt.Sprintf("mpls_label=%d", pick(g, marks...)) },
		func(g *generator) string { return fmt.Sprintf("mpls_tc=%d", pick(g, 0, 5)) },
		func(g *generator) string { return fmt.Sprintf("mpls_bos=%d", g.IntN(2)) },
		func(g *generator) string { return fmt.Sprintf("mpls_ttl=%d", pick(g, 0, 1, 2, 64)) },
	}
)

// A kind is a sort of packet that a rule is for.
type kind struct {
	match   string
	fields  []value // beside anyFields
	actions []value // beside anyActions
	safe    []value // those of them for clones: what a clone pops, Open vSwitch puts back as the flow's first packet had it
}

// kinds are the sorts of packets.
func kinds() []kind {
	join := func(lists ...[]value) (all []value) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	return []kind{
		{match: ""},
		{match: ""},
		{match: "ip", fields: join(ip4Fields, protoFields), actions: ip4Actions},
		{match: "tcp", fields: join(ip4Fields, tcpFields), actions: join(ip4Actions, tcpActions)},
		{match: "udp", fields: join(ip4Fields, portFields), actions: join(ip4Actions, udpActions)},
		// In fragments Open vSwitch sets ports and computes a checksum of the fragment alone.
		{match: "sctp,nw_frag=no", fields: join(ip4Fields, portFields), actions: join(ip4Actions, sctpActions)},
		{match: "icmp", fields: join(ip4Fields, icmpFields), actions: join(ip4Actions, icmpActions)},
		{match: "ipv6", fields: join(ip6Fields, protoFields), actions: ip6Actions},
		{match: "tcp6", fields: join(ip6Fields, tcpFields), actions: join(ip6Actions, tcpActions)},
		{match: "udp6", fields: join(ip6Fields, portFields), actions: join(ip6Actions, udpActions)},
		{match: "icmp6", fields: ip6Fields, actions: ip6Actions},
		{match: "icmp6,icmp_type=135,icmp_code=0", fields: join(ip6Fields, ndFields, []value{func(g *generator) string { return "nd_sll=" + pick(g, macs...) }}), actions: join(ip6Actions, ndActions)},
		{match: "icmp6,icmp_type=136,icmp_code=0", fields: join(ip6Fields, ndFields, []value{func(g *generator) string { return "nd_tll=" + pick(g, macs...) }}), actions: join(ip6Actions, ndActions)},
		{match: "arp", fields: arpFields, actions: arpActions},
		{match: "mpls", fields: mplsFields, actions: mplsActions},
		{match: "mpls,mpls_bos=1", fields: mplsFields, actions: mplsActions},
		{match: "mpls,mpls_bos=0", fields: mplsFields, actions: mplsActions},
	}
}

// small returns a small number, masked sometimes.
func (g *generator) small() string {
	return pick(g, "0", "0x1", "0x2", "0x1", "0x1/0x1", "0x2/0x6", "0/0x3")
}

// port returns a transport port, masked sometimes.
func (g *generator) port() string {
	return fmt.Sprint(pick(g, ports...)) + pick(g, "", "", "/0xfff0", "/0x1", "/0x8000")
}

// match returns the match of a rule for packets of a kind.
func (g *generator) match(k kind) string {
	fields := append(append([]value{}, anyFields...), k.fields...)
	if g.alone {
		fields = append(fields, aloneFields...)
	}
	seen := map[string]bool{}
	var list []string
	if k.match != "" {
		list = append(list, k.match)
	}
	for range pick(g, 0, 1, 1, 2, 2, 3) {
		var f string
		if len(k.fields) > 0 && !g.one(3) {
			f = pick(g, k.fields...)(g)
		} else {
			f = pick(g, fields...)(g)
		}
		if group := excluding(f); !seen[group] && !strings.Contains(k.match+",", group+"=") {
			seen[group] = true
			list = append(list, f)
		}
	}
	return strings.Join(list, ",")
}

// excluding returns a name for fields of which a match can have one.
func excluding(field string) string {
	name, _, _ := strings.Cut(field, "=")
	switch {
	case strings.HasPrefix(name, "vlan_"), strings.HasPrefix(name, "dl_vlan"):
		return "vlan"
	case name == "xreg0", name == "reg0", name == "reg1":
		return "reg0"
	case name == "tcp_flags", name == "nw_proto":
		return name
	}
	return name
}
