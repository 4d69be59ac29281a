package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/flowcache/flow"
)

const (
	toWan  = "set(dl_dst=02:00:00:00:00:02),set(dl_src=02:00:00:00:00:a2),set(nw_ttl=63),push_vlan(vid=20,pcp=0),output:3"
	toHost = "set(dl_dst=02:00:00:00:00:01),set(dl_src=02:00:00:00:00:a1),set(nw_ttl=63),pop_vlan,"
)

func TestASegmentIsALearningSwitch(t *testing.T) {
	b := newBench(t, twoNets())
	b.want(b.see(1, udp(mac(2), mac(1), "10.0.1.2", "10.0.1.3", 64, 9)), "output:2")
	b.want(b.see(2, udp(mac(1), mac(2), "10.0.1.3", "10.0.1.2", 64, 9)), "output:1")
	b.want(b.look(1, udp(mac(2), mac(1), "10.0.1.2", "10.0.1.3", 64, 9)), "output:2")
	b.want(b.see(2, udp(mac(2), mac(1), "10.0.1.2", "10.0.1.3", 64, 9)), "drop(no_target)") // it moved where its peer is
	b.want(b.see(4, udp(mac(2), mac(1), "10.0.1.2", "10.0.1.3", 64, 9)), "push_vlan(vid=30,pcp=0),output:1")
	b.want(b.see(1, tagged(30, udp(mac(9), mac(1), "1.0.1.2", "1.0.1.3", 64, 9))), "pop_vlan,output:4")
	b.want(b.see(1, tagged(31, udp(mac(9), mac(1), "1.0.1.2", "1.0.1.3", 64, 9))), "drop(no_interface)")
	b.want(b.see(5, udp(mac(9), mac(1), "1.0.1.2", "1.0.1.3", 64, 9)), "drop(no_interface)")
	b.want(b.see(9, udp(mac(9), mac(1), "1.0.1.2", "1.0.1.3", 64, 9)), "drop(no_bridge)")
	b.want(b.see(1, udp([6]byte{1, 0x80, 0xc2, 0, 0, 0xe}, mac(1), "1.0.1.2", "1.0.1.3", 64, 9)), "drop(reserved_mac)")
	b.want(b.see(1, udp(all, mac(1), "10.0.1.2", "10.0.1.255", 64, 9)), "output:2")
	b.sends()
}

func TestPacketsAreRouted(t *testing.T) {
	gw := mac(0xa1)
	for _, c := range []struct {
		name string
		pkt  []byte
		want string
	}{
		{"to a host of another segment", udp(gw, mac(1), "10.0.1.2", "10.0.2.2", 64, 9), toWan},
		{"IPv6 to a host of another segment", udp(gw, mac(1), "fd00:1::2", "fd00:2::2", 64, 9), toWan},
		{"by way of a router", udp(gw, mac(1), "10.0.1.2", "10.9.1.1", 64, 9), strings.Replace(toWan, "00:02)", "00:09)", 1)},
		{"to a prefix that is dropped", udp(gw, mac(1), "10.0.1.2", "10.9.9.1", 64, 9), "drop(no_route)"},
		{"to nowhere", udp(gw, mac(1), "10.0.1.2", "192.0.2.1", 64, 9), "drop(no_route)"},
		{"to all hosts of a network", udp(gw, mac(1), "10.0.1.2", "10.0.2.255", 64, 9), "drop(not_routed)"},
		{"to a network", udp(gw, mac(1), "10.0.1.2", "10.0.2.0", 64, 9), "drop(not_routed)"},
		{"to a group", udp(gw, mac(1), "10.0.1.2", "224.1.1.1", 64, 9), "drop(not_routed)"},
		{"to a link-local address", udp(gw, mac(1), "fd00:1::2", "fe80::1", 64, 9), "drop(not_routed)"},
		{"from a link-local address", udp(gw, mac(1), "fe80::1", "fd00:2::2", 64, 9), "drop(not_routed)"},
		{"from no address", udp(gw, mac(1), "::", "fd00:2::2", 64, 9), "drop(not_routed)"},
		{"from loopback", udp(gw, mac(1), "127.0.0.1", "10.0.2.2", 64, 9), "drop(not_routed)"},
		{"with no time left", udp(gw, mac(1), "10.0.1.2", "10.0.2.2", 1, 9), "drop(ttl_expired)"},
		{"another protocol than IP", func() []byte { b := arp(gw, 1, mac(1), "10.0.1.2", "10.0.1.1"); b[12] = 0x90; return b }(), "drop(not_routed)"},
		{"with its header cut short", udp(gw, mac(1), "10.0.1.2", "10.0.2.2", 64, 9)[:30], "drop(not_routed)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, twoNets())
			b.want(b.see(1, c.pkt), c.want)
		})
	}
	t.Run("behind two tags it is not this segment's", func(t *testing.T) {
		b := newBench(t, twoNets())
		b.want(b.see(3, tagged(20, tagged(5, udp(mac(0xa2), mac(2), "10.0.2.2", "10.0.1.2", 64, 9)))), "drop(not_routed)")
	})
}

func TestAddressesAreAnswered(t *testing.T) {
	b := newBench(t, twoNets())
	answer := "set(dl_dst=02:00:00:00:00:01),set(dl_src=02:00:00:00:00:a1),set(arp_op=2),set(arp_tha=02:00:00:00:00:01)," +
		"set(arp_tpa=10.0.1.2),set(arp_sha=02:00:00:00:00:a1),set(arp_spa=10.0.1.1),output:1"
	b.want(b.see(1, arp(all, 1, mac(1), "10.0.1.2", "10.0.1.1")), answer)
	b.want(b.see(1, arp(mac(0xa1), 1, mac(1), "10.0.1.2", "10.0.1.1")), answer)
	b.want(b.see(1, arp(all, 1, mac(1), "10.0.1.2", "10.0.1.9")), "output:2") // a question for somebody else
	b.want(b.see(3, tagged(20, arp(all, 1, mac(2), "10.0.2.2", "10.0.1.1"))), "drop(no_target)")
	b.want(b.see(1, echo(mac(0xa1), mac(1), "10.0.1.2", "10.0.1.1")),
		"set(dl_dst=02:00:00:00:00:01),set(dl_src=02:00:00:00:00:a1),set(nw_src=10.0.1.1),set(nw_dst=10.0.1.2),set(nw_ttl=64),set(icmp_type=0),output:1")
	b.want(b.see(1, echo(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.1")), // that of its other side
		"set(dl_dst=02:00:00:00:00:01),set(dl_src=02:00:00:00:00:a1),set(nw_src=10.0.2.1),set(nw_dst=10.0.1.2),set(nw_ttl=64),set(icmp_type=0),output:1")
	b.want(b.see(1, echo(mac(0xa1), mac(1), "fd00:1::2", "fd00:1::1")),
		"set(dl_dst=02:00:00:00:00:01),set(dl_src=02:00:00:00:00:a1),set(ipv6_src=fd00:1::1),set(ipv6_dst=fd00:1::2),set(nw_ttl=64),set(icmpv6_type=129),output:1")
	b.want(b.see(1, echo(mac(0xa1), mac(1), "fe80::2", "fe80::ff:fe00:a1")),
		"set(dl_dst=02:00:00:00:00:01),set(dl_src=02:00:00:00:00:a1),set(ipv6_src=fe80::ff:fe00:a1),set(ipv6_dst=fe80::2),set(nw_ttl=64),set(icmpv6_type=129),output:1")
	b.sends()
	t.Run("a neighbour solicitation by an advertisement", func(t *testing.T) {
		b := newBench(t, twoNets())
		lan := &b.state.segments[0]
		solicit := func(src, target string) []byte {
			p := wire.NewND([6]byte{0x33, 0x33, 0xff, 0, 0, 1}, lan.MAC, ip(src), ip("ff02::1:ff00:1"), wire.NDSolicit, 0, ip(target))
			m := mac(1)
			copy(p[6:], m[:])
			copy(p[len(p)-6:], m[:])
			wire.SumICMP(p)
			return p
		}
		v := b.see(1, solicit("fd00:1::2", "fd00:1::1"))
		b.want(v, "drop(to_gateway)")
		if !v.NoCache {
			t.Error("the verdict is cached: the next question is not answered")
		}
		b.sends("output:1 a1>01 fd00:1::1>fd00:1::2 icmp6 136/0")
		b.see(1, solicit("::", "fd00:1::1"))
		b.sends("output:1 a1>01 fd00:1::1>ff02::1 icmp6 136/0")
		b.want(b.see(1, solicit("fd00:1::2", "fd00:1::7")), "output:2")
		// One behind a fragment header is none, though it is whole (RFC 6980 section 5).
		at := wire.EthernetSize + wire.IPv6Size
		p := solicit("fd00:1::2", "fd00:1::1")
		p = slices.Insert(p, at, []byte{wire.ProtoICMPv6, 0, 0, 0, 0, 0, 0, 9}...)
		p[wire.EthernetSize+wire.IPv6Next], p[wire.EthernetSize+wire.IPv6Length+1] = wire.ProtoFragment, byte(len(p)-at)
		b.see(1, p)
		b.sends()
		b.want(b.look(3, tagged(20, udp(mac(0xa2), mac(2), "fd00:2::2", "fd00:1::2", 64, 9))), toHost+"output:1")
	})
}

func TestANeighbourIsAskedAndThePacketWaits(t *testing.T) {
	b := newBench(t, twoNets())
	pkt := tagged(20, udp(mac(0xa2), mac(2), "10.0.2.2", "10.0.1.2", 64, 9))
	version := b.Changes(0, new(rules.ChangeSet))
	v := b.see(3, pkt)
	b.want(v, "drop(neighbour_unresolved)")
	b.sends("output:1,output:2 a1>ff arp 1 10.0.1.1>10.0.1.2")
	b.want(b.see(3, pkt), "drop(neighbour_unresolved)")
	b.sends() // once a second is enough
	b.want(b.see(2, arp(mac(0xa1), 2, mac(1), "10.0.1.2", "10.0.1.1")), "drop(to_gateway)")
	b.sends("output:2 a1>01 10.0.2.2>10.0.1.2")
	b.want(b.look(3, pkt), toHost+"output:2")
	var c rules.ChangeSet
	b.Changes(version, &c)
	if len(c.Changes) != 1 || c.Changes[0].Tag&v.Tags == 0 {
		t.Errorf("got changes %+v: want one that concerns the drop that is cached", c)
	}
	// A host that speaks again from another place has moved, and so have packets to it.
	b.want(b.see(1, arp(all, 1, mac(1), "10.0.1.2", "10.0.1.1")), text(b.look(1, arp(all, 1, mac(1), "10.0.1.2", "10.0.1.1"))))
	b.want(b.look(3, pkt), toHost+"output:1")
	// Who nobody has asked about may speak as well, but for others.
	b.see(1, arp(all, 1, mac(7), "10.0.1.1", "10.0.1.1"))
	b.see(1, arp(all, 1, mac(7), "10.0.2.7", "10.0.1.1"))
	if mac, state := b.neighbours.Find(neighbour.Host{Addr: ip("10.0.2.7")}); state != neighbour.Unknown {
		t.Errorf("a host of another segment: got %x", mac)
	}
}

func TestANeighbourThatDoesNotAnswerIsUnreachable(t *testing.T) {
	b := newBench(t, twoNets())
	pkt := tagged(20, udp(mac(0xa2), mac(2), "10.0.2.2", "10.0.1.2", 64, 9))
	for range 3 {
		b.want(b.see(3, pkt), "drop(neighbour_unresolved)")
		b.sends("output:1,output:2 a1>ff arp 1 10.0.1.1>10.0.1.2")
		b.now += second
		b.Expire(b.now)
	}
	b.sends()
	v := b.see(3, pkt)
	b.want(v, "drop(host_unreachable)")
	b.sends("push_vlan(vid=20,pcp=0),output:3 a2>02 10.0.2.1>10.0.2.2 icmp 003/1")
	b.now += 6 * second
	b.Expire(b.now)
	b.want(b.see(3, pkt), "drop(neighbour_unresolved)") // and is asked again
	b.sends("output:1,output:2 a1>ff arp 1 10.0.1.1>10.0.1.2")
}

func TestANeighbourInUseIsAskedAgainAndOneThatIsNotIsForgotten(t *testing.T) {
	b := newBench(t, twoNets())
	pkt := tagged(20, udp(mac(0xa2), mac(2), "10.0.2.2", "10.0.1.2", 64, 9))
	b.see(1, arp(mac(0xa1), 1, mac(1), "10.0.1.2", "10.0.1.1"))
	v := b.see(3, pkt)
	b.want(v, toHost+"output:1")
	answer := arp(mac(0xa1), 2, mac(1), "10.0.1.2", "10.0.1.1")
	for range 3 { // cached traffic keeps it
		b.now += 31 * second
		b.Credit(v.Trail, 1, 64, b.now)
		b.Expire(b.now)
		b.sends("output:1,output:2 a1>ff arp 1 10.0.1.1>10.0.1.2")
		b.see(1, answer)
	}
	b.now += 31 * second
	for range 4 { // the host goes
		b.Credit(v.Trail, 1, 64, b.now)
		b.Expire(b.now)
		b.now += second
	}
	if _, state := b.neighbours.Find(neighbour.Host{Addr: ip("10.0.1.2")}); state != neighbour.Unknown {
		t.Errorf("a host that does not answer: state %d", state)
	}
	b.see(1, answer)
	b.see(1, arp(mac(0xa1), 1, mac(1), "10.0.1.2", "10.0.1.1"))
	b.now += 601 * second
	b.Expire(b.now)
	if n := b.neighbours.Len(); n != 3 {
		t.Errorf("got %d neighbours, want the 3 configured ones", n)
	}
}

func TestErrorsAreToldWithinARate(t *testing.T) {
	b := newBench(t, twoNets())
	for _, c := range []struct {
		name, sent string
		pkt        []byte
	}{
		{"no time left", "output:1 a1>01 10.0.1.1>10.0.1.2 icmp 011/0", udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 1, 9)},
		{"no hops left", "output:1 a1>01 fd00:1::1>fd00:1::2 icmp6 003/0", udp(mac(0xa1), mac(1), "fd00:1::2", "fd00:2::2", 1, 9)},
		{"no route", "output:1 a1>01 10.0.1.1>10.0.1.2 icmp 003/0", udp(mac(0xa1), mac(1), "10.0.1.2", "192.0.2.2", 64, 9)},
		{"no route for IPv6", "output:1 a1>01 fd00:1::1>fd00:1::2 icmp6 001/0", udp(mac(0xa1), mac(1), "fd00:1::2", "fd00:7::2", 64, 9)},
		{"no port", "output:1 a1>01 10.0.1.1>10.0.1.2 icmp 003/3", udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.1.1", 64, 33434)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if v := b.see(1, c.pkt); !v.NoCache {
				t.Error("the verdict is cached: the next packet is not told of")
			}
			b.sends(c.sent)
		})
	}
	failing := wire.NewIP(mac(0xa1), mac(1), ip("10.0.1.2"), ip("192.0.2.1"), wire.ProtoICMP, 8)
	failing[34] = 3 // an error about an error
	b.see(1, failing)
	b.sends()
	for range 1000 {
		b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 1, 9))
	}
	if n := len(b.sent); n < 40 || n > icmp.Burst {
		t.Errorf("1000 packets at a time: %d errors, want no more than %d", n, icmp.Burst)
	}
	b.sent = nil
	b.now += second
	b.see(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 1, 9))
	b.sends("output:1 a1>01 10.0.1.1>10.0.1.2 icmp 011/0")
}

func TestTheFirstRuleDecides(t *testing.T) {
	c := twoNets()
	c.ACL = []Rule{
		{Permit: false, From: pre("10.0.1.128/25")},
		{Permit: true, Protocol: Protocol{17, true}, ToPorts: Ports{53, 60}, To: pre("10.0.2.0/24")},
		{Permit: true, Interface: "wan"},
		{Permit: true, Protocol: Protocol{1, true}},
	}
	c.Deny = true
	b := newBench(t, c)
	gw := mac(0xa1)
	b.want(b.see(1, udp(gw, mac(1), "10.0.1.2", "10.0.2.2", 64, 53)), toWan)
	b.want(b.see(1, udp(gw, mac(1), "10.0.1.2", "10.0.2.2", 64, 60)), toWan)
	b.want(b.see(1, udp(gw, mac(1), "10.0.1.2", "10.0.2.2", 64, 61)), "drop(acl)")
	b.want(b.see(1, udp(gw, mac(1), "10.0.1.200", "10.0.2.2", 64, 53)), "drop(acl)")
	b.want(b.see(1, udp(gw, mac(1), "10.0.1.2", "10.9.1.2", 64, 53)), "drop(acl)")
	b.want(b.see(1, udp(gw, mac(1), "fd00:1::2", "fd00:2::2", 64, 53)), "drop(acl)")
	b.want(b.see(1, echo(gw, mac(1), "10.0.1.2", "10.0.2.2")), toWan)
	b.want(b.see(3, tagged(20, udp(mac(0xa2), mac(2), "10.0.2.2", "10.0.2.254", 64, 9))), "set(dl_dst=02:00:00:00:00:09),set(dl_src=02:00:00:00:00:a2),set(nw_ttl=63),output:3")
	later := udp(gw, mac(1), "10.0.1.2", "10.0.2.2", 64, 53)
	later[21] = 5 // a fragment without ports
	b.want(b.see(1, later), "drop(acl)")
	var got []uint64
	for _, r := range b.Rules() {
		got = append(got, r.Packets)
	}
	if fmt.Sprint(got) != "[1 2 1 1]" {
		t.Errorf("rules have counted %v, want [1 2 1 1]", got)
	}
}

// TestMegaflowsStayWide: what is not asked about by a route or rule is not consulted.
func TestMegaflowsStayWide(t *testing.T) {
	c := twoNets()
	c.Routes = append(c.Routes, Route{To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.0.2.254")}})
	b := newBench(t, c)
	v := b.look(1, udp(mac(0xa1), mac(1), "10.0.1.2", "192.0.2.7", 64, 9))
	for _, f := range []flow.FieldID{flow.FieldUDPDst, flow.FieldUDPSrc, flow.FieldIPProto, flow.FieldIPTOS} {
		if v.Mask.Any(f) {
			t.Errorf("%v is consulted", f)
		}
	}
	if got := v.Mask.Uint(flow.FieldIPDst); got != 0xe0000000 {
		t.Errorf("of the destination %#x is consulted, want the three bits that tell it from all longer prefixes", got)
	}
	if got := v.Mask.Uint(flow.FieldIPSrc); got != 0xf8000000 {
		t.Errorf("of the source %#x is consulted, want the five bits that tell it from those that are none", got)
	}
}

func TestALookupAllocatesNothing(t *testing.T) {
	b := newBench(t, twoNets())
	k := b.key(1, udp(mac(0xa1), mac(1), "10.0.1.2", "10.0.2.2", 64, 53))
	q := &rules.Query{Key: k, Now: b.now, Live: true}
	v := new(rules.Verdict)
	if n := testing.AllocsPerRun(100, func() {
		v.Reset()
		if err := b.Lookup(q, v); err != nil {
			t.Fatal(err)
		}
		b.Credit(v.Trail, 1, 64, b.now)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestAConfigurationIsChecked(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(c *Config)
	}{
		{"interfaces[1]: want a name of its own, found lan again", func(c *Config) { c.Interfaces[1].Name = "lan" }},
		{"interfaces[1]: port p1, VLAN 0: it belongs to interface lan", func(c *Config) { c.Interfaces[1].Members[0] = Member{"p1", 0} }},
		{"interfaces[0]: port p1: want it once in an interface", func(c *Config) { c.Interfaces[0].Members[1] = Member{"p1", 5} }},
		{"interfaces[2]: want a port, found none", func(c *Config) { c.Interfaces[2].Members = nil }},
		{"interfaces[1]: address 10.0.1.7/24: interface lan reaches that prefix", func(c *Config) { c.Interfaces[1].Addresses = append(c.Interfaces[1].Addresses, pre("10.0.1.7/24")) }},
		{"interfaces[1]: address 10.0.7.255/24: want one of a host, found that of the network or of all hosts in it", func(c *Config) { c.Interfaces[1].Addresses = append(c.Interfaces[1].Addresses, pre("10.0.7.255/24")) }},
		{"interfaces[1]: address 224.0.7.1/24: want a unicast address", func(c *Config) { c.Interfaces[1].Addresses = append(c.Interfaces[1].Addresses, pre("224.0.7.1/24")) }},
		{"routes[0]: via 10.7.2.254: no interface has an address whose prefix it is in", func(c *Config) { c.Routes[0].Via = []netip.Addr{ip("10.7.2.254")} }},
		{"routes[0]: via fd00:2::2: want an address of the prefix's family", func(c *Config) { c.Routes[0].Via = []netip.Addr{ip("fd00:2::2")} }},
		{"routes[0]: via 10.0.2.254: want each router once", func(c *Config) { c.Routes[0].Via = append(c.Routes[0].Via, ip("10.0.2.254")) }},
		{"routes[0]: want either via, the address of a router, or drop: true", func(c *Config) { c.Routes[0].Drop = true }},
		{"routes[1]: want each prefix once, found 10.9.0.0/16 again", func(c *Config) { c.Routes[1].To = pre("10.9.0.0/16") }},
		{"neighbours[0]: 10.7.2.2: no interface has an address whose prefix it is in", func(c *Config) { c.Neighbours[0].Address = ip("10.7.2.2") }},
		{"acl[0]: ports: want the protocol tcp, udp or sctp with them", func(c *Config) { c.ACL = []Rule{{ToPorts: Ports{1, 1}}} }},
		{"acl[0]: from and to: want prefixes of one family", func(c *Config) { c.ACL = []Rule{{From: pre("::/0"), To: pre("0.0.0.0/0")}} }},
		{"acl[0]: interface dmz: there is none of that name", func(c *Config) { c.ACL = []Rule{{Interface: "dmz"}} }},
	} {
		t.Run(c.want, func(t *testing.T) {
			config := twoNets()
			c.change(&config)
			_, err := New(config, Options{Clock: func() int64 { return 0 }})
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestATrieFindsTheLongestPrefix(t *testing.T) {
	var empty trie
	if v, n := empty.lookup(ip("1.2.3.4").AsSlice()); v != 0 || n != 0 {
		t.Errorf("without prefixes: got %d after %d bits", v, n)
	}
	var tr trie
	for i, p := range []string{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "10.1.2.3/32"} {
		tr.add(netip.MustParsePrefix(p), int32(i+1))
	}
	for _, c := range []struct {
		addr        string
		value, bits int
	}{{"192.0.2.1", 1, 1}, {"10.2.0.1", 2, 15}, {"10.1.128.0", 3, 17}, {"10.1.2.3", 4, 32}, {"10.1.2.2", 3, 32}} {
		if v, n := tr.lookup(ip(c.addr).AsSlice()); int(v) != c.value || n != c.bits {
			t.Errorf("%s: got %d after %d bits, want %d after %d", c.addr, v, n, c.value, c.bits)
		}
	}
}
