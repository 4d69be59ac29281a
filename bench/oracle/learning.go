package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// learnPriority is the lowest priority of rules that learn. What they learn has another for each of them, so that no two
// flows match the same packet with the same priority.
const learnPriority = 1000 // rules that do not learn have less

// Parts of learned flows.
var (
	learnMatches = []value{
		func(*generator) string { return "NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]" },
		func(*generator) string { return "NXM_OF_ETH_DST[]" },
		func(*generator) string { return "NXM_OF_ETH_SRC[0..3]" },
		func(*generator) string { return "NXM_OF_ETH_SRC[0..2]=NXM_OF_ETH_DST[0..2]" },
		func(*generator) string { return "NXM_OF_IN_PORT[]" },
		func(*generator) string { return "NXM_OF_VLAN_TCI[0..11]" },
		func(g *generator) string { return fmt.Sprintf("reg%d=%d", g.IntN(4), g.IntN(3)) },
		func(g *generator) string {
			return fmt.Sprintf("NXM_NX_REG%d[0..3]=NXM_OF_IN_PORT[0..3]", g.IntN(4))
		},
		func(g *generator) string { return fmt.Sprintf("in_port=%d", pick(g, 1, 2, 3)) },
		func(*generator) string { return "OXM_OF_METADATA[0..3]" },
	}
	learnIPMatches = []value{
		func(*generator) string { return "eth_type=0x800,NXM_OF_IP_DST[]=NXM_OF_IP_SRC[]" },
		func(*generator) string { return "eth_type=0x800,NXM_OF_IP_SRC[0..7]" },
		func(*generator) string { return "eth_type=0x800,NXM_OF_IP_PROTO[]" },
	}
	learnActions = []value{
		func(*generator) string { return "output:NXM_OF_IN_PORT[]" },
		func(g *generator) string { return fmt.Sprintf("output:NXM_NX_REG%d[0..3]", g.IntN(4)) },
		func(g *generator) string { return fmt.Sprintf("load:NXM_OF_IN_PORT[]->NXM_NX_REG%d[0..15]", g.IntN(4)) },
		func(g *generator) string { return fmt.Sprintf("load:%d->NXM_NX_REG%d[4..7]", g.IntN(4), g.IntN(4)) },
		func(*generator) string { return "load:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]" },
		func(*generator) string { return "load:0->NXM_OF_VLAN_TCI[]" },
	}
)

// learning adds rules that learn to one scene of three, and rules that act by what learned flows load.
func (s *Scene) learning() {
	g := newGenerator(s.Number + 3*beside)
	if !g.one(3) {
		return
	}
	for i := range 1 + g.IntN(6) {
		s.Flows = append(s.Flows, g.learner(learnPriority+i))
	}
	for table := 1; table < 4; table++ {
		s.Flows = append(s.Flows, fmt.Sprintf("table=%d,priority=0,actions=output:NXM_NX_REG%d[0..3],%d", table, g.IntN(4), 1+g.IntN(4)))
	}
	// Culvert looks packets up anew for it, and finds what they have taught by then.
	s.drop("check_pkt_larger")
}

// learner returns a rule that learns, goes on in tables that learned flows are in, and sends packets out.
func (g *generator) learner(priority int) string {
	k := pick(g, kinds()[:3]...) // all packets, or IP
	g.table = g.IntN(2)
	match := g.match(kind{match: k.match})
	var actions []string
	for range 1 + g.IntN(2) {
		actions = append(actions, g.learn(priority, k.match == "ip"))
	}
	if g.one(3) {
		actions = slices.Insert(actions, g.IntN(len(actions)+1), pick(g, anyActions[:6]...)(g))
	}
	for range g.IntN(3) {
		actions = append(actions, fmt.Sprintf("resubmit(,%d)", g.table+1+g.IntN(3-g.table)))
	}
	if g.one(2) {
		actions = append(actions, pick(g, outputs...)(g))
	}
	if match != "" {
		match += ","
	}
	return fmt.Sprintf("table=%d,priority=%d,%sactions=%s", g.table, priority, match, strings.Join(actions, ","))
}

// learn returns a learn action of a rule for IPv4 packets, or for any.
func (g *generator) learn(priority int, ip bool) string {
	parts := []string{fmt.Sprintf("table=%d,priority=%d", pick(g, 1, 1, 2, 3), priority)}
	if g.one(3) {
		parts = append(parts, fmt.Sprintf("cookie=%d,result_dst=NXM_NX_REG%d[%d]", 1+g.IntN(2), g.IntN(4), g.IntN(4)))
	}
	if ip && g.one(2) {
		parts = append(parts, pick(g, learnIPMatches...)(g))
	}
	for range 1 + g.IntN(2) {
		parts = append(parts, pick(g, learnMatches...)(g))
	}
	for range g.IntN(3) {
		parts = append(parts, pick(g, learnActions...)(g))
	}
	return "learn(" + strings.Join(parts, ",") + ")"
}
