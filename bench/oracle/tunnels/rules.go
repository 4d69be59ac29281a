package tunnels

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// matches of what comes from hosts.
var matches = []string{"", ",tcp", ",udp", ",ip", ",ipv6", ",arp", ",tcp6", ",vlan_tci=0x1000/0x1000"}

// out returns rules that send packets of hosts into a tunnel, and some of them into another.
func (g *generator) out(all []kind, i int) (list []string) {
	for n := range 1 + g.IntN(3) {
		what := pick(g, matches...)
		// Which of two rules of one priority a packet meets is up to the switch.
		priority := 10 + 9*g.IntN(6) + 3*i + n
		match := fmt.Sprintf("priority=%d,in_port=%d%s", priority, 1+g.IntN(len(hosts)), what)
		actions := g.send(&all[i])
		if slices.Contains([]string{",tcp", ",udp", ",ip", ",ipv6", ",tcp6"}, what) { // the outer header may inherit it
			actions = pick(g, "", "", "dec_ttl,", "set_field:16->ip_dscp,", "set_field:3->nw_ecn,") + actions
		}
		if n == 0 && g.one(3) {
			then := &all[g.IntN(len(all))]
			if more := g.send(then); !all[i].marks() || then.marks() { // Open vSwitch takes the first one's mark along
				actions += "," + more
			}
		}
		list = append(list, match+",actions="+actions)
	}
	return append(list, fmt.Sprintf("priority=%d,in_port=%d,actions=%s", i, 1+i%2, g.send(&all[i])))
}

// send returns actions that send a packet into a tunnel.
func (g *generator) send(k *kind) string {
	var list []string
	set := func(value any, field string) { list = append(list, fmt.Sprintf("set_field:%v->%s", value, field)) }
	addr := func(v4, v6 netip.Addr, field string) {
		if k.six {
			set(v6, "tun_ipv6_"+field)
		} else {
			set(v4, "tun_"+field)
		}
	}
	if k.dst && !g.one(10) {
		n := g.IntN(len(far4))
		addr(far4[n], far6[n], "dst")
	}
	if k.src && !g.one(4) {
		addr(near4, near6, "src")
	}
	if k.key || g.one(4) {
		set(fmt.Sprintf("%#x", pick(g, uint64(g.keyOf(k.Type)), 0x123456789a)), "tun_id")
	}
	if g.one(8) {
		set(fmt.Sprintf("%#x", g.IntN(1<<16)), "tun_gbp_id")
		set(fmt.Sprintf("%#x", g.IntN(256)), "tun_gbp_flags")
	}
	if !k.from() && g.one(6) {
		set(pick(g, mark, "9"), "pkt_mark")
	}
	for _, o := range g.tlvs {
		if g.one(2) {
			set(fmt.Sprintf("%#x", g.Uint32()), o.field)
		}
	}
	if k.Type == "geneve" && g.one(4) {
		set("oam", "tun_flags")
	}
	if g.one(6) {
		list = append(list, pick(g, "push_vlan:0x8100", "set_field:02:00:00:00:00:09->eth_dst"))
	}
	return strings.Join(append(append(list, k.span...), fmt.Sprint("output:", k.Number)), ",")
}

// in returns rules for what comes by a tunnel.
func (g *generator) in(all []kind, i int) (list []string) {
	k := &all[i]
	matches := []string{"", "", fmt.Sprintf(",tun_id=%d", g.keyOf(k.Type)), ",tun_flags=+oam", ",tun_flags=-oam", ",ip,nw_ecn=3", ",ip,nw_ecn=2"}
	if k.six {
		matches = append(matches, ",tun_ipv6_src="+far6[0].String(), ",tun_ipv6_dst="+near6.String())
	} else {
		matches = append(matches, ",tun_src="+far4[0].String(), ",tun_src=10.99.0.2/31", ",tun_dst="+near4.String())
	}
	for _, o := range g.tlvs {
		matches = append(matches, ","+o.field, fmt.Sprintf(",%s=0x1/0x1", o.field))
	}
	for n := range 1 + g.IntN(3) {
		match := pick(g, matches...)
		list = append(list, fmt.Sprintf("priority=%d,in_port=%d%s,actions=%s", 10+3*g.IntN(16)+n, k.Number, match, g.take(all, k, match)))
	}
	return append(list, fmt.Sprintf("priority=1,in_port=%d,actions=%s", k.Number, g.take(all, k, "")))
}

// take returns actions for a packet that came by a tunnel and matches: most of them show in its Ethernet addresses what was
// outside.
func (g *generator) take(all []kind, k *kind, match string) string {
	show := []string{
		"tun_id[0..31]->eth_src[0..31]", "tun_id[0..31]->eth_src[0..31]", "tun_src[]->eth_dst[0..31]", "tun_dst[]->eth_dst[0..31]",
		"tun_ipv6_src[0..31]->eth_dst[0..31]", "tun_ipv6_dst[0..31]->eth_dst[0..31]",
	}
	switch k.Type {
	case "erspan":
		show = append(show, "tun_erspan_idx[0..19]->eth_src[0..19]", "tun_erspan_ver[0..3]->eth_dst[32..35]", "tun_erspan_dir[]->eth_dst[36]",
			"tun_erspan_hwid[0..5]->eth_dst[40..45]")
	case "geneve":
		for _, o := range g.tlvs {
			if strings.Contains(match, o.field) { // of one that is not there Open vSwitch moves what was there before
				show = append(show, o.field+"[0..31]->eth_src[0..31]", o.field+"[0..31]->eth_src[0..31]")
			}
		}
	}
	var list []string
	for range g.IntN(4) {
		list = append(list, "move:"+pick(g, show...))
	}
	onward := g.IntN(6)
	if len(g.tlvs) > 0 {
		onward = 2 // Open vSwitch changes bytes of options that go on into another tunnel
	}
	switch onward {
	case 0:
		list = append(list, g.send(&all[g.IntN(len(all))]))
	case 1:
		list = append(list, "in_port")
	default:
		list = append(list, fmt.Sprint("output:", 1+g.IntN(len(hosts))))
	}
	return strings.Join(list, ",")
}
