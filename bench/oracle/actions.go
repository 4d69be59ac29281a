package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// Actions by the packets they make sense for.
var (
	outputs = []value{
		func(g *generator) string { return fmt.Sprintf("output:%d", pick(g, 1, 2, 3, 4, 5, 5, 9)) },
		func(g *generator) string { return fmt.Sprintf("output:%d", pick(g, 1, 2, 3, 4)) },
		func(g *generator) string { return pick(g, "NORMAL", "NORMAL", "FLOOD", "ALL", "IN_PORT") },
		func(g *generator) string { return "output:NXM_NX_REG0[0..3]" },
	}
	anyActions = []value{
		func(g *generator) string { return "mod_dl_src:" + pick(g, macs...) },
		func(g *generator) string { return "mod_dl_dst:" + pick(g, macs...) },
		func(g *generator) string { return fmt.Sprintf("load:%d->NXM_NX_REG%d[]", g.IntN(4), g.IntN(4)) },
		func(g *generator) string {
			return fmt.Sprintf("load:%d->NXM_NX_REG%d[%s]", g.IntN(4), g.IntN(4), pick(g, "0..3", "1..2", "4..7", "8..31"))
		},
		func(g *generator) string { return fmt.Sprintf("set_field:%s->metadata", g.small()) },
		func(g *generator) string { return fmt.Sprintf("set_field:%s->reg%d", g.small(), g.IntN(4)) },
		func(g *generator) string { return fmt.Sprintf("set_field:%s->pkt_mark", g.small()) },
		func(g *generator) string { return fmt.Sprintf("set_tunnel:%d", g.IntN(3)) },
		func(g *generator) string {
			return pick(g, "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]", "move:NXM_OF_ETH_SRC[0..3]->NXM_NX_REG0[0..3]",
				"move:NXM_NX_REG0[]->NXM_NX_REG1[]", "move:NXM_NX_REG1[0..7]->NXM_OF_ETH_DST[0..7]", "move:NXM_OF_IN_PORT[]->NXM_NX_REG2[0..15]",
				"move:NXM_OF_VLAN_TCI[0..11]->NXM_NX_REG3[0..11]")
		},
		func(g *generator) string { return g.resubmit() },
		func(g *generator) string { return g.resubmit() },
		func(g *generator) string { return fmt.Sprintf("resubmit(%d,%d)", pick(g, 1, 2, 9), g.next()) },
		func(g *generator) string {
			return pick(g, "push:NXM_NX_REG0[]", "push:NXM_OF_ETH_SRC[]", "push:NXM_NX_REG1[0..7]", "push:OXM_OF_METADATA[]")
		},
		func(g *generator) string {
			return pick(g, "pop:NXM_NX_REG0[]", "pop:NXM_OF_ETH_DST[]", "pop:NXM_NX_REG2[0..7]", "pop:NXM_NX_REG1[]")
		},
		func(g *generator) string { return pick(g, "exit", "note:01.02.03", "load:0->NXM_OF_IN_PORT[]") },
		func(g *generator) string { return g.larger() },
	}
	// oldActions have a meaning of their own in OpenFlow 1.0: on the way to a bridge by a later version
	// ovs-ofctl makes them others. newActions came later.
	oldActions = []value{
		func(g *generator) string { return fmt.Sprintf("mod_vlan_vid:%d", pick(g, vids...)) },
		func(g *generator) string { return fmt.Sprintf("mod_vlan_pcp:%d", pick(g, 0, 3, 7)) },
		func(g *generator) string { return "strip_vlan" },
	}
	newActions = []value{
		func(g *generator) string { return fmt.Sprintf("group:%d", pick(g, 1, 2, 3, 4)) },
	}
	// pushes are for packets without a tag: of more than two tags Open vSwitch loses the inner ones.
	pushes = []value{
		func(g *generator) string { return "push_vlan:" + pick(g, "0x8100", "0x8100", "0x88a8") },
		func(g *generator) string {
			return fmt.Sprintf("push_vlan:0x8100,set_field:%d->vlan_vid", 4096+int(pick(g, vids...)))
		},
	}
	ipActions = []value{
		func(g *generator) string { return "dec_ttl" },
		func(g *generator) string { return fmt.Sprintf("mod_nw_tos:%d", pick(g, 0, 0x20, 0x84)) },
		func(g *generator) string { return fmt.Sprintf("mod_nw_ecn:%d", pick(g, 0, 1, 3)) },
		func(g *generator) string { return fmt.Sprintf("mod_nw_ttl:%d", pick(g, 0, 1, 9, 64)) },
		func(g *generator) string { return "load:3->NXM_NX_IP_TTL[0..3]" },
	}
	ip4Actions = append([]value{
		func(g *generator) string { return "mod_nw_src:" + pick(g, ips4...) },
		func(g *generator) string { return "mod_nw_dst:" + pick(g, ips4...) },
		func(g *generator) string { return "set_field:0.0.1.0/0.0.255.0->ip_dst" },
		func(g *generator) string { return "move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[]" },
		func(g *generator) string { return "move:NXM_OF_IP_SRC[0..7]->NXM_NX_REG0[0..7]" },
	}, ipActions...)
	ip6Actions = append([]value{
		func(g *generator) string { return "set_field:" + pick(g, ips6...) + "->ipv6_src" },
		func(g *generator) string { return "set_field:" + pick(g, ips6...) + "->ipv6_dst" },
		func(g *generator) string { return "set_field:" + pick(g, "7", "0x12345") + "->ipv6_label" },
		func(g *generator) string { return "move:NXM_NX_IPV6_SRC[0..15]->NXM_NX_IPV6_DST[16..31]" },
	}, ipActions...)
	tcpActions = []value{
		func(g *generator) string { return fmt.Sprintf("set_field:%d->tcp_src", pick(g, ports...)) },
		func(g *generator) string { return fmt.Sprintf("mod_tp_dst:%d", pick(g, ports...)) },
		func(g *generator) string { return "move:NXM_OF_TCP_SRC[]->NXM_OF_TCP_DST[]" },
	}
	udpActions = []value{
		func(g *generator) string { return fmt.Sprintf("set_field:%d->udp_dst", pick(g, ports...)) },
		func(g *generator) string { return fmt.Sprintf("mod_tp_src:%d", pick(g, ports...)) },
		func(g *generator) string { return "move:NXM_OF_UDP_DST[0..7]->NXM_NX_REG1[0..7]" },
	}
	sctpActions = []value{
		func(g *generator) string { return fmt.Sprintf("set_field:%d->sctp_dst", pick(g, ports...)) },
	}
	icmpActions = []value{
		func(g *generator) string { return fmt.Sprintf("set_field:%d->icmp_type", pick(g, 0, 8)) },
		func(g *generator) string { return fmt.Sprintf("set_field:%d->icmp_code", pick(g, 0, 1)) },
	}
	ndActions = []value{
		func(g *generator) string { return "set_field:" + pick(g, ips6...) + "->nd_target" },
	}
	arpActions = []value{
		func(g *generator) string { return fmt.Sprintf("load:%d->NXM_OF_ARP_OP[]", pick(g, 1, 2)) },
		func(g *generator) string { return "set_field:" + pick(g, ips4...) + "->arp_spa" },
		func(g *generator) string { return "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]" },
		func(g *generator) string { return "move:NXM_OF_ARP_TPA[]->NXM_OF_ARP_SPA[]" },
		func(g *generator) string { return "set_field:" + pick(g, macs...) + "->arp_tha" },
	}
	// mplsActions write whole entries: of others Open vSwitch writes what the first packet of a flow has there.
	mplsActions = []value{
		func(g *generator) string {
			return fmt.Sprintf("set_mpls_label:%d,set_mpls_tc:%d,%s", pick(g, marks...), pick(g, 0, 5), pick(g, "set_mpls_ttl:1", "set_mpls_ttl:64", "dec_mpls_ttl"))
		},
	}
)

// next returns a table that a rule may send packets to. There is no rule in table 9.
func (g *generator) next() int {
	if g.loops {
		return g.IntN(4)
	}
	return pick(g, g.table+1, g.table+1, g.table+2, 9)
}

func (g *generator) resubmit() string { return fmt.Sprintf("resubmit(,%d)", g.next()) }

// pop removes the last label, and is the rule's last action: of packets with more Open vSwitch pops all where
// the type says that none is behind, and the rule is not for packets with labels afterwards.
func (g *generator) pop() string {
	g.popped = true
	return pick(g, "pop_mpls:0x0800", "pop_mpls:0x86dd", "pop_mpls:0x0806", "pop_mpls:0x0800,"+g.resubmit(), "pop_mpls:0x86dd,"+g.resubmit())
}

// larger asks for the packet's length and goes on by it. Culvert looks packets up anew for that, Open vSwitch
// does not: where rules loop, Culvert has sent what came before it when the loop is found.
func (g *generator) larger() string {
	if g.loops {
		return g.resubmit()
	}
	size, bit, then := pick(g, 60, 100, 200), g.IntN(4), g.resubmit()
	if g.clones > 0 { // what a clone's second look sends may leave later
		return then
	}
	return fmt.Sprintf("check_pkt_larger(%d)->NXM_NX_REG0[%d],%s", size, bit, then)
}

// actions returns n actions for packets of a kind.
func (g *generator) actions(k kind, n int) string {
	var list []string
	g.popped = false
	for range n {
		switch {
		case g.popped:
			list = append(list, pick(g, outputs...)(g))
		case n > 1 && g.one(12):
			g.clones++
			list = append(list, "clone("+g.actions(kind{actions: k.safe}, 1+g.IntN(n-1))+")")
			g.clones--
		case g.one(2):
			list = append(list, pick(g, outputs...)(g))
		case len(k.actions) > 0 && g.one(2):
			list = append(list, pick(g, k.actions...)(g))
		default:
			list = append(list, pick(g, anyActions...)(g))
		}
	}
	list = once("pop_vlan", once("push_vlan", list))
	if len(list) == 0 {
		return "drop"
	}
	return strings.Join(list, ",")
}

// once leaves out all actions with a word but the first: Open vSwitch can parse one tag (vlan-limit).
func once(word string, list []string) []string {
	found := false
	return slices.DeleteFunc(list, func(a string) bool {
		again := found && strings.Contains(a, word)
		found = found || strings.Contains(a, word)
		return again
	})
}

// flow returns a rule. Priorities differ, since OpenFlow leaves ties open.
func (g *generator) flow(priority int) string {
	g.table = pick(g, 0, 0, 0, 1, 1, 2, 3)
	k := pick(g, kinds()...)
	match := g.match(k)
	old := k.match != "mpls" && g.one(3)
	if strings.Contains(match, "nw_frag=later") {
		k.actions = nil // of which Open vSwitch refuses those about ports
	}
	k.safe = k.actions
	k.actions = append(k.actions, g.suitable(match, old)...)
	actions := g.actions(k, g.IntN(6))
	if !old {
		actions = g.instructions(actions)
	}
	// Open vSwitch cuts a packet by what it is longer than the limit before the VLAN changes that are not
	// carried out yet; Culvert sends what was asked for.
	if g.table == 0 && g.one(6) {
		actions = join(fmt.Sprintf("output(port=%d,max_len=%d)", pick(g, 1, 2, 3), pick(g, 14, 60, 200)), actions)
	}
	if g.table < 3 && g.one(4) {
		actions = join(actions, fmt.Sprintf("goto_table:%d", g.table+1+g.IntN(3-g.table)))
	}
	if g.alone && g.one(10) {
		actions = join("meter:1", actions)
	}
	if match != "" {
		match = "," + match
	}
	return fmt.Sprintf("table=%d,priority=%d%s,actions=%s", g.table, priority, match, actions)
}

// suitable returns the actions that packets of a match, or an old rule, can have beside those of their kind.
func (g *generator) suitable(match string, old bool) (list []value) {
	untagged := strings.Contains(match, "dl_vlan=0xffff") || strings.Contains(match, "vlan_tci=0,")
	if strings.Contains(match, "mpls_bos=1") {
		list = append(list, func(g *generator) string { return g.pop() })
	}
	if strings.Contains(match, "mpls_bos=0") {
		list = append(list, func(*generator) string { return "pop_mpls:0x8847" })
	}
	if old {
		return append(list, oldActions...)
	}
	if k := strings.SplitN(match, ",", 2)[0]; k == "" || k == "mpls" || strings.Contains(k, "=") {
		list = append(list, func(g *generator) string { return "push_mpls:" + pick(g, "0x8847", "0x8848") })
	}
	list = append(list, newActions...)
	if strings.Contains(match, "dl_vlan=") && !untagged {
		list = append(list, func(*generator) string { return "pop_vlan" })
	}
	if untagged {
		list = append(list, pushes...)
	}
	if g.alone {
		list = append(list, aloneActions...)
	}
	return list
}

// instructions adds instructions to actions now and then.
func (g *generator) instructions(actions string) string {
	if g.one(8) {
		actions = join(actions, "write_actions("+g.set()+")")
	}
	if g.one(10) {
		actions = join(actions, fmt.Sprintf("write_metadata:%s", pick(g, "0x1", "0x2/0x3")))
	}
	return actions
}

// join appends actions or an instruction to actions.
func join(actions, more string) string {
	switch "drop" {
	case actions:
		return more
	case more:
		return actions
	}
	return actions + "," + more
}

// set returns actions for an action set.
func (g *generator) set() string {
	var list []string
	for range 1 + g.IntN(3) {
		list = append(list, pick(g, "pop_vlan", "set_field:02:00:00:00:00:07->eth_dst", "set_field:02:00:00:00:00:08->eth_src",
			"output:2", "output:3", "group:1", "group:2"))
	}
	return strings.Join(list, ",")
}

// groups returns the groups that rules name, of which group 4 does not exist.
func (g *generator) groups() []string {
	var list []string
	for id, typ := range []string{1: "all", 2: pick(g, "indirect", "all"), 3: pick(g, "ff", "all")} {
		if id == 0 {
			continue
		}
		text := fmt.Sprintf("group_id=%d,type=%s", id, typ)
		n := 1 + g.IntN(3)
		if typ == "indirect" {
			n = 1
		}
		for range n {
			watch := ""
			if typ == "ff" {
				watch = fmt.Sprintf("watch_port=%d,", pick(g, 1, 2, 3, 9))
			}
			text += ",bucket=" + watch + "actions=" + g.bucket()
		}
		list = append(list, text)
	}
	return list
}

// bucket returns the actions of a group's bucket.
func (g *generator) bucket() string {
	again := "resubmit(,9)"
	if g.loops {
		again = "resubmit(,3)"
	}
	var list []string
	for range g.IntN(3) {
		list = append(list, pick(g, "mod_dl_dst:02:00:00:00:00:07", "pop_vlan", "load:2->NXM_NX_REG0[]",
			"mod_dl_src:02:00:00:00:00:08", again))
	}
	return strings.Join(append(list, fmt.Sprintf("output:%d", pick(g, 1, 2, 3, 4, 9))), ",")
}
