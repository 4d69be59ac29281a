package oracle

import "fmt"

// aloneActions are those of which no two switches do the same: they hash, learn, limit rates and ask
// controllers.
var aloneActions = []value{
	func(g *generator) string { return fmt.Sprintf("group:%d", pick(g, 5, 6)) },
	func(g *generator) string {
		return fmt.Sprintf("multipath(%s,%d,%s,4,0,NXM_NX_REG0[0..1]),%s", pick(g, "symmetric_l4", "symmetric_l4", "eth_src", "symmetric_l3"),
			g.IntN(3), pick(g, "modulo_n", "hash_threshold", "hrw"), g.resubmit())
	},
	func(g *generator) string {
		return fmt.Sprintf("bundle(%s,0,%s,ofport,members:1,2,3)", pick(g, "eth_src", "symmetric_l4"), pick(g, "active_backup", "hrw"))
	},
	func(g *generator) string {
		return fmt.Sprintf("learn(table=%d,%s_timeout=%d,priority=50,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],%s)", pick(g, 1, 2, 3), pick(g, "idle", "hard"),
			1+g.IntN(3), pick(g, "output:NXM_OF_IN_PORT[]", "load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]"))
	},
	func(g *generator) string {
		return "learn(table=3,hard_timeout=2,priority=60," + pick(g, "tun_metadata0[0..15]=NXM_OF_IN_PORT[]", "tun_metadata0", "NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]") +
			pick(g, ",output:NXM_OF_IN_PORT[]", ",load:NXM_OF_IN_PORT[]->tun_metadata0[16..31]") + ")," + g.resubmit()
	},
	func(g *generator) string {
		return pick(g, "controller", "controller(max_len=20,userdata=01.02)", "dec_ttl(1,2)", "fin_timeout(idle_timeout=1)")
	},
	func(g *generator) string {
		return fmt.Sprintf("output(port=%d,max_len=%d)", pick(g, 1, 2, 3), pick(g, 14, 60, 200))
	},
	func(g *generator) string {
		return fmt.Sprintf("check_pkt_larger(%d)->NXM_NX_REG0[%d],%s", pick(g, 60, 100, 200), g.IntN(4), g.resubmit())
	},
	func(g *generator) string { return "push_vlan:" + pick(g, "0x8100", "0x88a8") },
	func(g *generator) string { return "set_field:" + pick(g, "0x1", "0x2/0x3") + "->tun_metadata0" },
	func(g *generator) string {
		return fmt.Sprintf("set_field:%s,%s", pick(g, "10.0.0.1->tun_dst", "10.0.0.2->tun_src", "fd00::1->tun_ipv6_dst", "1->tun_gbp_id", "2->tun_erspan_idx",
			"oam->tun_flags", "1->reg7", "2->xxreg2", "1->reg17", "2->xreg14"), g.resubmit())
	},
	func(g *generator) string {
		return fmt.Sprintf("bundle_load(%s,0,hrw,ofport,NXM_NX_REG0[0..15],members:1,2,3),%s", pick(g, "eth_src", "symmetric_l4"), g.resubmit())
	},
	func(g *generator) string {
		return pick(g, "delete_field:tun_metadata0", "enqueue:2:1", "set_queue:1", "controller(pause)", "output:NXM_NX_REG0[0..2]")
	},
}

// aloneFields are those that no packet of a scene comes with, but actions write.
var aloneFields = []value{
	func(g *generator) string {
		return pick(g, "tun_src=", "tun_dst=") + pick(g, ips4[:2]...) + pick(g, "", "/24", "/8")
	},
	func(g *generator) string { return "tun_ipv6_dst=" + pick(g, ips6[:2]...) + pick(g, "", "/64") },
	func(g *generator) string { return pick(g, "tun_gbp_id=", "tun_metadata0=") + g.small() },
	func(g *generator) string { return pick(g, "tun_erspan_idx=2", "tun_flags=+oam", "tun_metadata0") },
	func(g *generator) string {
		return pick(g, "reg7=", "reg8=", "reg11=", "xxreg1=", "xreg3=", "reg17=", "reg29=", "xxreg7=") + g.small()
	},
	func(g *generator) string { return fmt.Sprintf("actset_output=%d", 1+g.IntN(3)) },
}

// GenerateAlone makes a scene for Culvert alone: Generate's and more.
func GenerateAlone(number uint64) Scene {
	g := newGenerator(number)
	g.alone = true
	s := g.scene(number)
	s.Meters = []string{"meter=1,pktps,burst,bands=type=drop,rate=100,burst_size=10"}
	s.Options = "{class=0x102,type=0x80,len=4}->tun_metadata0"
	s.Groups = append(s.Groups,
		"group_id=5,type=select,bucket=weight=1,actions=output:1,bucket=weight=2,actions=mod_dl_dst:02:00:00:00:00:07,output:2,bucket=watch_port=3,actions=output:3",
		"group_id=6,type=select,selection_method=hash,fields(ip_src,tcp_dst),bucket=actions=output:2,bucket=actions=output:3")
	for n := range g.IntN(6) {
		s.Flows = append(s.Flows, g.conjunctive(1000+10*n)...)
	}
	g = newGenerator(number + beside)
	if s.Mirrors = nil; g.one(3) {
		s.Mirrors = g.mirrors()
	}
	if s.Snooping = g.one(3); s.Snooping {
		s.Flows = append(s.Flows, "priority=2,actions=NORMAL")
		for i := range 10 {
			s.Packets[4*i].Data = g.membership()
		}
	}
	if g = newGenerator(number + 2*beside); g.one(3) {
		s.Bonds = g.bonds()
		s.Flows = append(s.Flows, "priority=1,actions=NORMAL")
		for i := range 6 {
			s.Packets[4*i+1].Data = g.partner()
		}
	}
	return s
}

// selectGroup returns a group of type select.
func (g *generator) selectGroup(id int) string {
	text := fmt.Sprintf("group_id=%d,type=select", id) + pick(g, "", ",selection_method=dp_hash", ",selection_method=hash,fields(eth_src,ip_dst)")
	for range g.IntN(4) {
		text += fmt.Sprintf(",bucket=weight=%d,%sactions=%s", g.IntN(4), pick(g, "", "watch_port=2,", "watch_port=3,", "watch_group=3,"), g.bucket())
	}
	return text
}

// conjunctive returns rules that act together from a priority on.
func (g *generator) conjunctive(priority int) []string {
	id, table := priority, g.IntN(3)
	rule := func(match string, of int) string {
		return fmt.Sprintf("table=%d,priority=%d,ip,%s,actions=conjunction(%d,%d/2)", table, priority, match, id, of)
	}
	return []string{
		rule("nw_src="+pick(g, ips4...), 1), rule("nw_src="+pick(g, ips4...)+"/24", 1),
		rule("nw_dst="+pick(g, ips4...), 2), rule(pick(g, "nw_tos=32", "nw_ttl=64"), 2),
		fmt.Sprintf("table=%d,priority=%d,ip,conj_id=%d,actions=%s", table, priority, id, g.actions(kind{}, 1+g.IntN(3))),
	}
}
