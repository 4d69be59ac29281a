package underlay

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/wire"
)

// arp returns an ARP packet of host n.
func arp(op uint16, n byte, spa, tpa string) []byte {
	return wire.NewARP(wire.Broadcast, op, mac(n), ip(spa), [6]byte{}, ip(tpa))
}

// solicit returns a neighbour solicitation of host n; from :: it has no option with an Ethernet address.
func solicit(n byte, src, target string) []byte {
	group, to := wire.SolicitedNode(ip(target))
	p := wire.NewND(to, mac(n), ip(src), group, wire.NDSolicit, 0, ip(target))
	if ip(src).IsUnspecified() {
		p = p[:len(p)-wire.NDOption]
		binary.BigEndian.PutUint16(p[wire.EthernetSize+wire.IPv6Length:], wire.NDMessage)
		wire.SumICMP(p)
	}
	return p
}

func TestAddressesAreAnswered(t *testing.T) {
	for _, c := range []struct {
		name string
		pkt  []byte
		want []string
	}{
		{"a question by ARP", arp(1, 9, "10.0.0.9", "10.0.0.1"), []string{"1 a1>9 arp 2 10.0.0.1>10.0.0.9"}},
		{"an ARP probe, of a host that tries the address out", arp(1, 9, "0.0.0.0", "10.0.0.1"), []string{"1 a1>9 arp 2 10.0.0.1>0.0.0.0"}},
		{"a question for somebody else", arp(1, 9, "10.0.0.9", "10.0.0.2"), nil},
		{"an answer to nobody's question", arp(2, 9, "10.0.0.9", "10.0.0.1"), nil},
		{"a question of ours that came back", arp(1, 0xa1, "10.0.0.1", "10.0.0.1"), nil},
		{"a solicitation", solicit(9, "fd00::9", "fd00::1"), []string{"1 a1>9 fd00::1>fd00::9 icmp6 136/0 fd00::1"}},
		{"a solicitation for the link-local address", solicit(9, "fe80::9", "fe80::ff:fe00:a1"),
			[]string{"1 a1>9 fe80::ff:fe00:a1>fe80::9 icmp6 136/0 fe80::ff:fe00:a1"}},
		{"one of a host that tries the address out", solicit(9, "::", "fd00::1"), []string{"1 a1>1 fd00::1>ff02::1 icmp6 136/0 fd00::1"}},
		{"a solicitation for somebody else", solicit(9, "fd00::9", "fd00::2"), nil},
		{"a packet of another VLAN", tagged(5, arp(1, 9, "10.0.0.9", "10.0.0.1")), nil},
		{"a priority tag", append(append(append([]byte{}, arp(1, 9, "10.0.0.9", "10.0.0.1")[:12]...), 0x81, 0, 0xe0, 0), arp(1, 9, "10.0.0.9", "10.0.0.1")[12:]...),
			[]string{"1 a1>9 arp 2 10.0.0.1>10.0.0.9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, onePort())
			b.Receive(1, c.pkt)
			b.sends(c.want...)
		})
	}
	t.Run("in a VLAN", func(t *testing.T) {
		c := onePort()
		c.Interfaces[0].VLAN = 7
		b := newBench(t, c)
		b.Receive(1, arp(1, 9, "10.0.0.9", "10.0.0.1"))
		b.sends()
		b.Receive(1, tagged(7, arp(1, 9, "10.0.0.9", "10.0.0.1")))
		b.sends("1 vlan 7 a1>9 arp 2 10.0.0.1>10.0.0.9")
		b.Receive(2, tagged(7, arp(1, 9, "10.0.0.9", "10.0.0.1"))) // a port without an underlay
		b.sends()
	})
}

func TestGratuitousARPAndUnsolicitedAdvertisementsMoveAHost(t *testing.T) {
	b := newBench(t, onePort())
	b.hosts["10.0.0.9"], b.hosts["fd00::9"] = 9, 9
	b.way("10.0.0.9", Asked.String())
	b.way("fd00::9", Asked.String())
	b.run(1000)
	b.Receive(1, arp(1, 8, "10.0.0.9", "10.0.0.9"))
	b.way("10.0.0.9", "1 to 8 from 10.0.0.1")
	b.Receive(1, arp(1, 7, "10.0.0.9", "10.0.0.9"))
	b.way("10.0.0.9", "1 to 8 from 10.0.0.1")
	b.counts("underlay_flapping", 1)
	all := netip.IPv6LinkLocalAllNodes()
	advert := func(n byte, flags uint32) []byte {
		return wire.NewND(wire.GroupMAC(all), mac(n), ip("fd00::9"), all, wire.NDAdvert, flags, ip("fd00::9"))
	}
	b.Receive(1, advert(8, 0))
	b.way("fd00::9", "1 to 9 from fd00::1")
	b.Receive(1, advert(8, wire.NDOverride))
	b.way("fd00::9", "1 to 8 from fd00::1")
	b.Receive(1, arp(1, 6, "10.0.0.66", "10.0.0.66")) // somebody who nobody wants
	if n := b.neighbours.Len(); n != 4 {              // the two routers, asked, and two hosts
		t.Errorf("%d neighbours are known", n)
	}
}

func TestNewAddressesAreAnnouncedTwice(t *testing.T) {
	b := newBench(t, Config{[]Interface{{Port: "up", Addresses: []netip.Prefix{pre("10.0.0.1/24"), pre("fd00::1/64")}}}})
	all := []string{"1 a1>ff arp 1 10.0.0.1>10.0.0.1", "1 a1>1 fd00::1>ff02::1 icmp6 136/0 fd00::1", "1 a1>1 fe80::ff:fe00:a1>ff02::1 icmp6 136/0 fe80::ff:fe00:a1"}
	b.run(1000)
	b.sends(all...)
	b.run(5000)
	b.sends(all...)
	b.plug("up", 1, false)
	b.run(1000)
	b.sends()
	b.plug("up", 1, true)
	b.run(1000)
	b.sends(all...)
}

func TestAnAddressThatSomebodyElseHasIsNoticedAndDefended(t *testing.T) {
	b := newBench(t, Config{[]Interface{{Port: "up", Addresses: []netip.Prefix{pre("10.0.0.1/24"), pre("fd00::1/64")}}}})
	b.Receive(1, arp(1, 6, "10.0.0.1", "10.0.0.1"))
	b.Receive(1, arp(1, 6, "10.0.0.1", "10.0.0.5"))
	b.sends("1 a1>ff arp 1 10.0.0.1>10.0.0.1")
	b.counts("underlay_duplicate", 2)
	b.now += 11_000 * ms
	all := netip.IPv6LinkLocalAllNodes()
	b.Receive(1, wire.NewND(wire.GroupMAC(all), mac(6), ip("fd00::1"), all, wire.NDAdvert, wire.NDOverride, ip("fd00::1")))
	b.sends("1 a1>1 fd00::1>ff02::1 icmp6 136/0 fd00::1")
	if len(b.duplicates) != 2 || b.duplicates[0] != "up 10.0.0.1 6" || b.duplicates[1] != "up fd00::1 6" {
		t.Errorf("told %q", b.duplicates)
	}
}

// behind returns an IPv6 packet with a header of so many bytes, of such a kind, in front of what it carries.
func behind(kind byte, size int, pkt []byte) []byte {
	at := wire.EthernetSize + wire.IPv6Size
	header := make([]byte, size)
	header[0] = pkt[wire.EthernetSize+wire.IPv6Next]
	out := slices.Concat(pkt[:at], header, pkt[at:])
	out[wire.EthernetSize+wire.IPv6Next] = kind
	binary.BigEndian.PutUint16(out[wire.EthernetSize+wire.IPv6Length:], uint16(len(out)-at))
	return out
}

// TestNeighbourDiscoveryInFragmentsIsIgnored: also in a single one, that is the whole message (RFC 6980 section 5).
func TestNeighbourDiscoveryInFragmentsIsIgnored(t *testing.T) {
	b := newBench(t, onePort())
	b.way("fd00::9", Asked.String())
	b.run(1)
	b.sent = nil
	all := netip.IPv6LinkLocalAllNodes()
	advert := wire.NewND(wire.GroupMAC(all), mac(9), ip("fd00::9"), all, wire.NDAdvert, wire.NDOverride, ip("fd00::9"))
	own := wire.NewND(wire.GroupMAC(all), mac(9), ip("fd00::1"), all, wire.NDAdvert, wire.NDOverride, ip("fd00::1"))
	for _, pkt := range [][]byte{solicit(9, "fd00::9", "fd00::1"), advert, own} {
		b.Receive(1, behind(wire.ProtoFragment, 8, pkt))
	}
	b.sends()
	b.counts("underlay_ignored", 3)
	b.way("fd00::9", Asked.String())
	b.Receive(1, advert)
	b.way("fd00::9", "1 to 9 from fd00::1")
}

// to returns an IP packet of host 9 to port 1.
func to(src, dst string, proto byte, size int) []byte {
	return wire.NewIP(mac(0xa1), mac(9), ip(src), ip(dst), proto, size)
}

func TestWhatNobodyTakesIsRefused(t *testing.T) {
	later := to("10.0.0.9", "10.0.0.1", wire.ProtoUDP, 20)
	later[wire.EthernetSize+wire.IPv4Fragment+1] = 9
	binary.BigEndian.PutUint16(later[wire.EthernetSize+wire.IPv4Checksum:], 0)
	binary.BigEndian.PutUint16(later[wire.EthernetSize+wire.IPv4Checksum:], wire.Checksum(later[wire.EthernetSize:][:wire.IPv4Size]))
	for _, c := range []struct {
		name, want string
		pkt        []byte
	}{
		{"UDP", "1 a1>9 10.0.0.1>10.0.0.9 icmp 3/3", to("10.0.0.9", "10.0.0.1", wire.ProtoUDP, 20)},
		{"UDP over IPv6", "1 a1>9 fd00::1>fd00::9 icmp6 1/4", to("fd00::9", "fd00::1", wire.ProtoUDP, 20)},
		{"TCP", "1 a1>9 10.0.0.1>10.0.0.9 icmp 3/2", to("10.0.0.9", "10.0.0.1", wire.ProtoTCP, 20)},
		{"SCTP over IPv6", "1 a1>9 fd00::1>fd00::9 icmp6 4/1", to("fd00::9", "fd00::1", wire.ProtoSCTP, 20)},
		{"from beyond the router", "1 a1>9 10.0.0.1>192.0.2.1 icmp 3/3", to("192.0.2.1", "10.0.0.1", wire.ProtoUDP, 20)},
		{"a later fragment", "", later},
		{"an error message", "", to("10.0.0.9", "10.0.0.1", wire.ProtoICMP, 20)},
		{"to nobody here", "", to("10.0.0.9", "10.0.0.2", wire.ProtoUDP, 20)},
		{"from a group", "", to("224.0.0.1", "10.0.0.1", wire.ProtoUDP, 20)},
		{"from ourselves", "", to("10.0.0.1", "10.0.0.1", wire.ProtoUDP, 20)},
		{"to all hosts on the link", "", func() []byte {
			p := to("10.0.0.9", "10.0.0.1", wire.ProtoUDP, 20)
			copy(p, wire.Broadcast[:])
			return p
		}()},
		{"with a wrong checksum", "", func() []byte { p := to("10.0.0.9", "10.0.0.1", wire.ProtoUDP, 20); p[25]++; return p }()},
		{"cut short", "", to("10.0.0.9", "10.0.0.1", wire.ProtoUDP, 20)[:40]},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, onePort())
			b.Receive(1, c.pkt)
			if c.want == "" {
				b.sends()
				return
			}
			b.sends(c.want)
		})
	}
	t.Run("a hundred times a second", func(t *testing.T) {
		b := newBench(t, onePort())
		for range 1000 {
			b.Receive(1, to("10.0.0.9", "10.0.0.1", wire.ProtoUDP, 20))
		}
		if n := len(b.sent); n != icmp.Burst {
			t.Errorf("%d messages at once", n)
		}
		b.counts("underlay_icmp_error_rate", 1000-icmp.Burst)
	})
}

func TestTheKernelsInterfacesAreItsOwn(t *testing.T) {
	var asked []string
	s := New(Options{Clock: func() int64 { return 1 }, AskKernel: func(port string, a netip.Addr) { asked = append(asked, port+" "+a.String()) }})
	if err := s.SetConfig(Config{[]Interface{{Port: "eth0", Kernel: true}}}); err != nil {
		t.Fatal(err)
	}
	s.SetPort("eth0", Port{ID: 4, MAC: mac(4), MTU: 9000, Up: true, Send: func(uint16, []byte) bool { t.Error("something was sent"); return false }}, true)
	s.SetKernel("eth0", KernelState{Addresses: []netip.Prefix{pre("10.0.0.1/24"), pre("fe80::77/64")},
		Routes: []Route{{To: pre("10.0.0.0/24")}, {To: pre("0.0.0.0/0"), Via: []netip.Addr{ip("10.0.0.254")}}}})
	if _, st := s.Route(ip("192.0.2.1"), netip.Addr{}, 0, 0); st != Asked || len(asked) != 1 || asked[0] != "eth0 10.0.0.254" {
		t.Errorf("got %v, asked %q", st, asked)
	}
	s.SetNeighbour("eth0", ip("10.0.0.254"), 5, mac(0xfe))
	if w, st := s.Route(ip("192.0.2.1"), netip.Addr{}, 0, 0); st != OK || w.DstMAC != mac(0xfe) || w.Src != ip("10.0.0.1") || w.MTU != 9000 {
		t.Errorf("got %v, %+v", st, w)
	}
	s.Receive(4, arp(1, 9, "10.0.0.9", "10.0.0.1")) // which the kernel answers
	s.Tick()
	if own := s.Own(); len(own) != 2 || !own[0].Kernel || own[1].Addr != ip("fe80::77") {
		t.Errorf("its addresses are %v", own)
	}
}
