//go:build integration

package openflow

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/encap/wire/wiretest"
)

// snoopPorts are ports of several modes, one of which gets all multicast and one all reports.
func snoopPorts() []rules.Port {
	ports := trunks(1, 2, 3, 4, 5, 6, 7)
	ports[2].VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: 10}
	ports[3].VLAN = rules.VLAN{Mode: rules.VLANNativeUntagged, Tag: 10}
	ports[4].Multicast.Flood = true
	ports[5].Multicast.FloodReports = true
	ports[6].Protected, ports[0].Protected = true, true
	return ports
}

// snoopFrame returns a random message or packet of data. What hosts report are groups, not reserved ones, and
// without auxiliary data: of those Open vSwitch keeps or passes over more than it should. Hosts leave only if leaves
// says so: it may keep a group that nobody listens to any more, and then sends to nobody what nobody has asked for.
func snoopFrame(g *rand.Rand, port uint32, leaves bool) []byte {
	h, groups := sender(int(port)), []string{"239.1.1.1", "239.1.1.2", "224.0.1.3", "239.2.0.1"}
	types := []uint8{wire.IGMPQuery, wire.IGMPv1Report, wire.IGMPv2Report, wire.IGMPv3Report, wire.IGMPLeave, 0x13}
	reserved := "224.0.0.251"
	if g.IntN(2) == 0 {
		h, groups = sender6(int(port)), []string{"ff3e::1", "ff3e::2", "ff02::1:ff00:1", "ff05::3"}
		types = []uint8{wire.MLDQuery, wire.MLDReport, wire.MLDv2Report, wire.MLDDone}
		reserved = "ff02::1"
	}
	h.Tag = [...]uint16{0, 0, 10, 20, 0x600a}[g.IntN(5)]
	if g.IntN(20) == 0 {
		h.Addr = map[bool]netip.Addr{true: netip.IPv4Unspecified(), false: netip.IPv6Unspecified()}[h.Addr.Is4()]
	}
	record := func() wiretest.Record {
		r := about(groups[g.IntN(len(groups))])
		r.Kind = uint8(1 + g.IntN(6))
		for range g.IntN(3) + map[bool]int{true: 0, false: 1}[leaves] {
			r.Sources = append(r.Sources, h.Addr)
		}
		return r
	}
	if g.IntN(2) == 0 {
		if g.IntN(5) == 0 {
			return data(h, reserved)
		}
		return data(h, groups[g.IntN(len(groups))])
	}
	typ := types[g.IntN(len(types))]
	switch typ {
	case wire.IGMPLeave, wire.MLDDone:
		if !leaves {
			return data(h, groups[0])
		}
	case wire.IGMPQuery, wire.MLDQuery, 0x13:
		if g.IntN(3) > 0 { // once every port has a router, nothing is learned
			return data(h, groups[0])
		}
		return h.Membership(typ)
	}
	pkt := h.Membership(typ, record(), record(), record()) // those about one group take the first
	if g.IntN(20) == 0 {
		pkt[len(pkt)-1] ^= 1 // a wrong checksum
	}
	return pkt
}

// TestOpenVSwitchSnoopsTheSame: whatever hosts and routers have said, packets and messages come out of the
// same ports as they come out of OVS, byte by byte.
func TestOpenVSwitchSnoopsTheSame(t *testing.T) {
	o := newOracle(t)
	o.run("ovs-appctl", "time/stop")
	for seed := range uint64(6) {
		g := rand.New(rand.NewPCG(seed, 0))
		ports := snoopPorts()
		bridge := fmt.Sprintf("s%d", seed)
		o.bridge(bridge, ports, "actions=NORMAL")
		o.run("ovs-vsctl", "set", "bridge", bridge, "mcast_snooping_enable=true", fmt.Sprintf("other_config:mcast-snooping-disable-flood-unregistered=%t", seed%2 == 1))
		s := newSnoopBench(t, Snooping{DropUnregistered: seed%2 == 1}, ports)
		compared := 0
		for step := range 250 {
			if g.IntN(12) == 0 {
				// Routers age within the time of a test, groups do not: what OVS keeps of a group that others still
				// report can be older than it says.
				wait := 1 + g.IntN(20)
				o.run("ovs-appctl", "time/warp", fmt.Sprint(wait*1000), "1000")
				s.clock.now += int64(wait) * second
				// OVS keeps things for the second in which their time ends.
				s.table.Expire(s.clock.now - 1)
			}
			port := uint32(1 + g.IntN(len(ports)))
			pkt := snoopFrame(g, port, seed%2 == 1)
			want, actions := o.frames(bridge, port, pkt)
			v := s.send(port, pkt)
			got := runFrame(v.Actions.Words(), pkt)
			if !maps.EqualFunc(got, want, bytes.Equal) {
				t.Fatalf("seed %d, step %d, port %d, frame %x\nours %s\nOVS  %s\nports ours %v, OVS %v\n%+v\n%s", seed, step, port, pkt, program(v), actions,
					slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)), s.table.Listeners(), o.run("ovs-appctl", "mdb/show", bridge))
			}
			compared += len(want)
		}
		t.Logf("seed %d: %d frames compared, %d entries at the end", seed, compared, len(s.table.Listeners()))
		o.run("ovs-vsctl", "del-br", bridge)
	}
}
