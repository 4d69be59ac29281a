package oracle

import (
	"slices"
	"strings"

	"github.com/culvertdev/culvert/datapath/rules"
)

// Generate makes the scene of a number: the same one every time.
func Generate(number uint64) Scene {
	s := newGenerator(number).scene(number)
	if s.Mirrors = mirrorFor(number); len(s.Mirrors) > 0 {
		// Nothing comes in by a mirror's port, not even what tells that Open vSwitch is done with a packet.
		s.Packets = slices.DeleteFunc(s.Packets, func(p Packet) bool { return p.Port == mirrorPort })
		// What Open vSwitch has cached of a packet in a VLAN that a port takes in, it does for all VLANs.
		for i := range s.Ports[:mirrorPort-1] {
			s.Ports[i].VLAN = rules.VLAN{}
		}
		// It cuts packets wrongly to which tags have come or from which they have gone, be it for a mirror.
		s.drop("max_len")
	}
	s.learning()
	if s.has("push_mpls") && s.has("pop_mpls:0x0", "pop_mpls:0x86dd") {
		// Where labels are left behind the one that is popped, Open vSwitch pops them all.
		s.drop([]string{"push_mpls", "pop_mpls"}[number%2])
	}
	if s.has("check_pkt_larger") {
		// Open vSwitch runs an action set twice where a packet's length was asked for.
		s.drop("write_actions")
	}
	return s
}

// has reports whether a rule of the scene has one of some actions.
func (s *Scene) has(actions ...string) bool {
	return slices.ContainsFunc(s.Flows, func(f string) bool {
		return slices.ContainsFunc(actions, func(action string) bool { return strings.Contains(f, action) })
	})
}

// drop takes out the rules that have an action of that name.
func (s *Scene) drop(action string) {
	s.Flows = slices.DeleteFunc(s.Flows, func(f string) bool { return strings.Contains(f, action) })
}

func (g *generator) scene(number uint64) Scene {
	s := Scene{Number: number, Groups: g.groups()}
	for n := range uint32(5) {
		s.Ports = append(s.Ports, Port{Number: n + 1, VLAN: g.vlan()})
	}
	for i := range 5 + g.IntN(30) {
		s.Flows = append(s.Flows, g.flow(i+1))
	}
	for range 40 {
		s.Packets = append(s.Packets, Packet{Port: 1 + g.Uint32N(5), Data: g.packet()})
	}
	return s
}

// vlan returns a port's VLAN settings.
func (g *generator) vlan() rules.VLAN {
	switch g.IntN(6) {
	case 0:
		return rules.VLAN{Mode: rules.VLANAccess, Tag: pick(g, vids[1:4]...)}
	case 1:
		return rules.VLAN{Trunks: []uint16{0, 5, 10}}
	case 2:
		return rules.VLAN{Mode: pick(g, rules.VLANNativeTagged, rules.VLANNativeUntagged), Tag: 5, Trunks: []uint16{5, 7}}
	}
	return rules.VLAN{}
}
