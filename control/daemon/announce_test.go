package daemon_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/api"
	"github.com/culvertdev/culvert/encap/vtep"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd/memport"
)

// in returns which end a guest of a network is said to be at.
func (w *town) in(vni uint32, mac byte) string {
	if a := w.answer(vtep.ForMAC(vni, [6]byte{2, 0, 0, 0, 0, mac})); !a.None() {
		return a.Ends[0].String()
	}
	return ""
}

// knows reports whether an address in a network is said to be somebody's.
func (w *town) knows(vni uint32, ip netip.Addr) bool {
	a := w.answer(vtep.ForIP(vni, ip))
	return !a.None()
}

func TestGuestsAreAnnouncedInTheNetworkThatRulesPutThemInto(t *testing.T) {
	town := newTown()
	l := start(t, fmt.Sprintf(`
profiles: [{name: dc, lookup: {kind: socket, options: {path: %s}}}]
bridges:
- name: br0
  ports:
  - {name: p, type: memory}
  - {name: q, type: memory}
  - {name: ov, type: vxlan, options: {remote_ip: lookup, profile: dc, key: flow}}
  flows: ["in_port=p actions=set_tunnel:7,ov", "in_port=q actions=set_tunnel:8,ov", "in_port=ov,tun_id=7 actions=p", "in_port=ov,tun_id=8 actions=q"]
- name: phys
  flows: []
  ports: [{name: u, type: memory, underlay: {address: 192.0.2.1/24, mac: "02:00:00:00:01:01"}}]
`, town.serve(t)))
	p, q := l.peer("p"), l.peer("q")
	ip := netip.MustParseAddr("10.0.0.1")
	p.SendBytes(wire.NewARP(wire.Broadcast, wire.ARPRequest, [6]byte{2, 5: 1}, ip, [6]byte{}, ip))
	q.SendBytes(packet(1, 9), packet(2, 9))
	eventually(t, "guests are announced", func() bool {
		return town.in(7, 1) == "192.0.2.1" && town.in(8, 1) == "192.0.2.1" && town.in(8, 2) == "192.0.2.1"
	})
	eventually(t, "and an address of one", func() bool { return town.knows(7, ip) })
	if town.in(7, 2) != "" || town.knows(8, ip) {
		t.Error("a guest is announced in a network that it is not in")
	}

	town.set(vtep.ForMAC(8, [6]byte{2, 5: 2}), vtep.Answer{Ends: []vtep.End{{Addr: netip.MustParseAddr("192.0.2.3"), Key: 8}}})
	q.SetLink(false)
	eventually(t, "those of a port that has gone are withdrawn", func() bool { return town.in(8, 1) == "" })
	if town.in(8, 2) != "192.0.2.3" || town.in(7, 1) != "192.0.2.1" {
		t.Errorf("others are at %q and %q", town.in(8, 2), town.in(7, 1))
	}
}

func TestGuestsAreAnnouncedWithTheKeyThatPacketsForThemHaveToHave(t *testing.T) {
	for _, c := range []struct {
		keys     string
		vni, key uint32
	}{
		{"key: 7", 7, 7}, {"key: flow", 8, 8}, {"in_key: 5, out_key: 7", 7, 5}, {"in_key: flow, out_key: 7", 7, 7}, {"in_key: 5, out_key: flow", 8, 5},
	} {
		t.Run(c.keys, func(t *testing.T) {
			town := newTown()
			l := start(t, fmt.Sprintf(`
profiles: [{name: dc, lookup: {kind: socket, options: {path: %s}}}]
bridges:
- name: br0
  ports:
  - {name: p, type: memory}
  - {name: ov, type: vxlan, options: {remote_ip: lookup, profile: dc, %s}}
  flows: ["in_port=p actions=set_tunnel:8,NORMAL"]
- name: phys
  flows: []
  ports: [{name: u, type: memory, underlay: {address: 192.0.2.1/24, mac: "02:00:00:00:01:01"}}]
`, town.serve(t), c.keys))
			p := l.peer("p")
			q, to := vtep.ForMAC(c.vni, [6]byte{2, 5: 1}), byte(9)
			eventually(t, "the guest is announced", func() bool {
				p.SendBytes(packet(1, to)) // a new flow
				to++
				a := town.answer(q)
				return !a.None()
			})
			if got := town.answer(q).Ends[0].Key; got != c.key {
				t.Errorf("with key %d, want %d", got, c.key)
			}
		})
	}
}

// TestAGuestThatComesBackIsAnnounced: nothing else changes then than where its address is learned.
func TestAGuestThatComesBackIsAnnounced(t *testing.T) {
	town := newTown()
	path := town.serve(t)
	profile := fmt.Sprintf("lookup: {kind: socket, options: {path: %s}}", path)
	a, pa, ua := site(t, 1, profile)
	b, pb, ub := site(t, 2, profile)
	connectSites(t, ua, ub)
	// says has a guest send until it is said to be at an end, and nowhere else.
	says := func(from *memport.Peer, mac, to byte, end string, other *lab, others int) {
		t.Helper()
		eventually(t, fmt.Sprintf("guest %d is said to be at %s only", mac, end), func() bool {
			from.SendBytes(packet(mac, to))
			return town.at(mac) == end && call(other, api.ProfileShow, api.ProfileName{})[0].Here == others
		})
	}
	says(pa, 8, 9, "192.0.2.1", b, 0) // from now on each site has somebody to send to
	says(pb, 9, 8, "192.0.2.2", a, 1)
	for range 3 {
		says(pa, 1, 9, "192.0.2.1", b, 1)
		says(pb, 1, 8, "192.0.2.2", a, 1)
	}
}

// TestWhoeverAGuestSendsFromLastHasTheLastWord: its packets are for one host alone, so that the others do not see it elsewhere.
func TestWhoeverAGuestSendsFromLastHasTheLastWord(t *testing.T) {
	town := newTown()
	profile := fmt.Sprintf("lookup: {kind: socket, options: {path: %s}}", town.serve(t))
	a, pa, ua := site(t, 1, profile)
	b, pb, ub := site(t, 2, profile)
	_, pc, uc := site(t, 3, profile)
	connectSites(t, ua, ub, uc)
	eventually(t, "somebody to send to is announced", func() bool {
		pc.SendBytes(packet(9, 1))
		return town.at(9) == "192.0.2.3"
	})
	here := func(l *lab) int { return call(l, api.ProfileShow, api.ProfileName{})[0].Here }
	for round := range 2 {
		eventually(t, "the guest is said to be at the first", func() bool {
			pa.SendBytes(packet(1, 9))
			return town.at(1) == "192.0.2.1" && here(a) == 1 && here(b) == 0
		})
		first, last := append(packet(1, 9), byte(round), 'f'), append(packet(1, 9), byte(round), 'l')
		expect(t, "the way to the third is known", first, pc, func() { pa.SendBytes(first) })
		pa.SendBytes(last)
		expect(t, "all that it sent from the first has gone by", last, pc, func() {})
		eventually(t, "the guest is said to be at the second", func() bool {
			pb.SendBytes(packet(1, 9)) // again: one that a worker seems to have had before it forgot where the guest was teaches nothing
			return town.at(1) == "192.0.2.2"
		})
	}
	// Nothing more comes from it. Its old neighbour, on the port that it was at, sends it something all the same.
	question := packet(5, 1)
	expect(t, "a packet gets from its old neighbour to where it is now", question, pb, func() { pa.SendBytes(question) })
}

// TestWhereRulesSayTheNetworkTheLastWordIsThatOfTheHostAGuestSendsFromToo: all its packets are of one flow, which the hosts
// have cached.
func TestWhereRulesSayTheNetworkTheLastWordIsThatOfTheHostAGuestSendsFromToo(t *testing.T) {
	for _, c := range []struct {
		name, flows string
		learns      bool
	}{
		{"rules that name ports", `"in_port=p actions=set_tunnel:7,ov", "in_port=ov actions=p"`, false},
		{"a switch that learns", `"in_port=p actions=set_tunnel:7,NORMAL", "in_port=ov actions=NORMAL"`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			town := newTown()
			config := func(n int) string {
				profile := fmt.Sprintf("lookup: {kind: socket, options: {path: %s}}", town.serve(t))
				return strings.Replace(strings.Replace(siteConfig(n, profile), "key: 7", "key: flow", 1), "- name: phys", "  flows: ["+c.flows+"]\n- name: phys", 1)
			}
			var sites [3]*lab
			var guests, wires [3]*memport.Peer
			for i := range sites {
				sites[i] = start(t, config(i+1))
				guests[i], wires[i] = sites[i].peer("p"), sites[i].peer("u")
			}
			connectSites(t, wires[:]...)
			eventually(t, "somebody to send to is announced", func() bool {
				guests[2].SendBytes(packet(9, 1))
				return town.at(9) == "192.0.2.3"
			})
			here := func(i int) int { return call(sites[i], api.ProfileShow, api.ProfileName{})[0].Here }
			for range 3 {
				for i := range 2 {
					eventually(t, "the guest is said to be where it sends from", func() bool {
						guests[i].SendBytes(packet(1, 9))
						return town.at(1) == fmt.Sprint("192.0.2.", i+1) && here(i) == 1 && here(1-i) == 0
					})
				}
			}
			if !c.learns {
				return
			}
			question := packet(5, 1)
			expect(t, "a packet gets from its old neighbour to where it is now", question, guests[1], func() { guests[0].SendBytes(question) })
		})
	}
}

func TestAGatewayIsAGuestOfTheOverlaysThatItIsIn(t *testing.T) {
	town := newTown()
	l := start(t, fmt.Sprintf(`
profiles: [{name: dc, lookup: {kind: socket, options: {path: %s}}}]
bridges:
- name: gw
  table: gateway
  ports:
  - {name: p, type: memory}
  - {name: q, type: memory}
  - {name: ov, type: vxlan, options: {remote_ip: lookup, profile: dc, key: 7}}
  gateway:
    interfaces:
    - {name: inside, ports: [p, ov], mac: "02:00:00:00:00:0a", addresses: [10.0.0.254/24, "fd00::254/64"]}
    - {name: outside, ports: [q], mac: "02:00:00:00:00:0b", addresses: [10.1.0.254/24]}
- name: phys
  flows: []
  ports: [{name: u, type: memory, underlay: {address: 192.0.2.1/24, mac: "02:00:00:00:01:01"}}]
`, town.serve(t)))
	p, q := l.peer("p"), l.peer("q")
	p.SendBytes(packet(1, 9))
	q.SendBytes(packet(2, 9))
	eventually(t, "gateway and guest are announced", func() bool { return town.in(7, 0xa) == "192.0.2.1" && town.in(7, 1) == "192.0.2.1" })
	for _, ip := range []string{"10.0.0.254", "fd00::254"} {
		eventually(t, "the gateway's address "+ip, func() bool {
			a := town.answer(vtep.ForIP(7, netip.MustParseAddr(ip)))
			return !a.None() && a.MAC == [6]byte{2, 5: 0xa}
		})
	}
	if town.in(7, 0xb) != "" || town.in(7, 2) != "" {
		t.Error("who is in another segment is announced")
	}
}

// TestAnAddressIsHeardAgainWithPacketsOfTheFlowThatSaidIt: not in flows that are new alone.
func TestAnAddressIsHeardAgainWithPacketsOfTheFlowThatSaidIt(t *testing.T) {
	for _, ports := range []string{"key: 7", "key: flow"} {
		t.Run(ports, func(t *testing.T) {
			town := newTown()
			l := start(t, fmt.Sprintf(`
profiles: [{name: dc, lookup: {kind: socket, options: {path: %s}}}]
bridges:
- name: br0
  ports:
  - {name: p, type: memory}
  - {name: q, type: memory}
  - {name: ov, type: vxlan, options: {remote_ip: lookup, profile: dc, %s}}
  flows: ["actions=set_tunnel:7,normal,ov"]
- name: phys
  flows: []
  ports: [{name: u, type: memory, underlay: {address: 192.0.2.1/24, mac: "02:00:00:00:01:01"}}]
`, town.serve(t), ports))
			ip := netip.MustParseAddr("10.0.0.1")
			guests := []*memport.Peer{l.peer("p"), l.peer("q")}
			for i := range 4 {
				mac := [6]byte{2, 5: byte(i%2 + 1)}
				guests[i%2].SendBytes(wire.NewARP(wire.Broadcast, wire.ARPRequest, mac, ip, [6]byte{}, ip))
				eventually(t, "it is the address of who said so last", func() bool {
					a := town.answer(vtep.ForIP(7, ip))
					return a.MAC == mac
				})
			}
		})
	}
}
