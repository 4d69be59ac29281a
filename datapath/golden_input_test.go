package datapath_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// inputs build the input captures of the golden cases for -update.
var inputs = map[string]func(*testing.T) []captured{
	"learning":   learningInput,
	"vlan-ports": vlanInput,
	"acl":        aclInput,
	"rewrite":    rewriteInput,
	"tags":       tagsInput,
	"ipv6":       ipv6Input,
	"malformed":  malformedInput,
	"clones":     clonesInput,
	"truncated":  truncatedInput,
	"hashed":     hashedInput,
	"larger":     largerInput,
	"labels":     labelsInput,
	"metered":    meteredInput,
	"groups":     groupsInput,
	"failover":   failoverInput,
	"selected":   selectedInput,
	"taught":     taughtInput,
}

const broadcast = 0xff

// mac returns host n's address; broadcast is everybody's.
func mac(n byte) net.HardwareAddr {
	if n == broadcast {
		return net.HardwareAddr{255, 255, 255, 255, 255, 255}
	}
	return net.HardwareAddr{2, 0, 0, 0, 0, n}
}

// build serialises an Ethernet frame from host a to host b, behind the VLAN tags given, outer first.
func build(t *testing.T, a, b byte, vlans []uint16, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	types := map[gopacket.LayerType]layers.EthernetType{
		layers.LayerTypeIPv4: layers.EthernetTypeIPv4, layers.LayerTypeIPv6: layers.EthernetTypeIPv6, layers.LayerTypeARP: layers.EthernetTypeARP,
	}
	typ := types[ls[0].LayerType()]
	eth := &layers.Ethernet{SrcMAC: mac(a), DstMAC: mac(b), EthernetType: typ}
	all := []gopacket.SerializableLayer{eth}
	for i, vid := range vlans {
		tag := &layers.Dot1Q{VLANIdentifier: vid, Priority: 3, Type: typ}
		if i+1 < len(vlans) {
			tag.Type = layers.EthernetTypeDot1Q
		}
		eth.EthernetType = layers.EthernetTypeDot1Q
		all = append(all, tag)
	}
	var network gopacket.NetworkLayer
	for _, l := range ls {
		if n, ok := l.(gopacket.NetworkLayer); ok {
			network = n
		}
		if c, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := c.SetNetworkLayerForChecksum(network); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, l)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buf.Bytes())
}

func ip4(a, b byte, proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: net.IP{10, 0, 0, a}, DstIP: net.IP{10, 0, 0, b}}
}

func ip6(a, b byte, next layers.IPProtocol) *layers.IPv6 {
	host := func(n byte) net.IP { return net.IP{0xfd, 15: n} }
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: next, SrcIP: host(a), DstIP: host(b)}
}

func udpTo(port uint16) *layers.UDP {
	return &layers.UDP{SrcPort: 1000, DstPort: layers.UDPPort(port)}
}

func tcpTo(port uint16) *layers.TCP {
	return &layers.TCP{SrcPort: 1000, DstPort: layers.TCPPort(port), SYN: true, Window: 1000}
}

func arpRequest(a, b byte) *layers.ARP {
	return &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPRequest, SourceHwAddress: mac(a), SourceProtAddress: net.IP{10, 0, 0, a},
		DstHwAddress: make([]byte, 6), DstProtAddress: net.IP{10, 0, 0, b},
	}
}

var hello = gopacket.Payload("hello, Culvert")

func learningInput(t *testing.T) []captured {
	ping := func(a, b byte) []byte { return build(t, a, b, nil, ip4(a, b, layers.IPProtocolUDP), udpTo(7), hello) }
	stp := build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(7), hello)
	copy(stp, []byte{0x01, 0x80, 0xc2, 0, 0, 0})
	return []captured{
		{"a", build(t, 1, broadcast, nil, arpRequest(1, 2))}, // flooded; 1 is learned
		{"b", ping(2, 1)}, // known: to a alone
		{"a", ping(1, 2)}, // known: to b alone
		{"a", ping(1, 9)}, // unknown: flooded
		{"c", ping(1, 2)}, // 1 has moved to c
		{"b", ping(2, 1)}, // so this goes to c
		{"b", ping(2, 2)}, // to where it came from: nowhere
		{"a", stp},        // reserved address: nowhere
	}
}

func vlanInput(t *testing.T) []captured {
	pkt := func(a, b byte, vlans ...uint16) []byte {
		return build(t, a, b, vlans, ip4(a, b, layers.IPProtocolUDP), udpTo(7), hello)
	}
	return []captured{
		{"access10", pkt(1, broadcast)},       // VLAN 10: tagged to the trunks that carry it, untagged to the other access port
		{"access20", pkt(2, broadcast)},       // VLAN 20: all trunks carry it
		{"trunk", pkt(3, broadcast, 10)},      // tagged in, untagged out of access ports
		{"trunk-20", pkt(4, broadcast, 10)},   // a VLAN that trunk does not carry
		{"access10", pkt(1, broadcast, 20)},   // an access port takes no tags
		{"access10", pkt(1, broadcast, 0)},    // but a priority tag
		{"trunk", pkt(5, broadcast)},          // untagged on a trunk: VLAN 0
		{"also10", pkt(6, 3)},                 // 3 was learned in VLAN 10 on trunk
		{"access20", pkt(2, 3)},               // but not in VLAN 20: flooded
		{"trunk", pkt(3, broadcast, 10, 300)}, // two tags: the inner one is the payload's business
	}
}

func aclInput(t *testing.T) []captured {
	frag := func(off uint16, flags layers.IPv4Flag) []byte {
		ip := ip4(1, 2, layers.IPProtocolUDP)
		ip.Flags, ip.FragOffset = flags, off
		return build(t, 1, 2, nil, ip, gopacket.Payload(make([]byte, 32)))
	}
	return []captured{
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(22), hello)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(80), hello)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(1025), hello)},
		{"a", build(t, 7, 2, nil, ip4(7, 2, layers.IPProtocolTCP), tcpTo(80), hello)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(53), hello)},
		{"a", frag(0, layers.IPv4MoreFragments)},
		{"a", frag(4, 0)},
		{"a", build(t, 1, 2, nil, arpRequest(1, 2))},
		{"b", build(t, 2, 1, nil, ip4(2, 1, layers.IPProtocolTCP), tcpTo(22), hello)},
	}
}

func rewriteInput(t *testing.T) []captured {
	low := ip4(1, 2, layers.IPProtocolUDP)
	low.TTL = 1
	return []captured{
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(53), hello)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(80), hello)},
		{"a", build(t, 1, 2, nil, low, udpTo(9), hello)},
		{"a", build(t, 1, 2, nil, ip6(1, 2, layers.IPProtocolTCP), tcpTo(80), hello)},
		{"a", build(t, 1, 2, nil, ip6(1, 2, layers.IPProtocolUDP), udpTo(53), hello)},
		{"a", build(t, 1, 2, nil, arpRequest(1, 2))},
	}
}

func tagsInput(t *testing.T) []captured {
	pkt := func(vlans ...uint16) []byte {
		return build(t, 1, 2, vlans, ip4(1, 2, layers.IPProtocolUDP), udpTo(7), hello)
	}
	return []captured{{"a", pkt()}, {"a", pkt(5)}, {"a", pkt(6)}, {"a", pkt(7, 8)}, {"b", pkt(5)}, {"b", pkt(7, 8)}}
}

func ipv6Input(t *testing.T) []captured {
	// A hop-by-hop header with a router alert (RFC 2711) and padding, then UDP.
	hop := gopacket.Payload([]byte{17, 0, 5, 2, 0, 0, 1, 0, 3, 232, 0, 53, 0, 8, 0, 0})
	inHop := ip6(1, 2, layers.IPProtocolIPv6HopByHop)
	first := ip6(1, 2, layers.IPProtocolIPv6Fragment)
	// A fragment header: next header UDP, offset 0, more fragments; then the UDP header.
	fragment := gopacket.Payload([]byte{17, 0, 0, 1, 0, 0, 0, 9, 3, 232, 0, 53, 0, 40, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	later := gopacket.Payload([]byte{17, 0, 0, 16, 0, 0, 0, 9, 3, 232, 0, 53, 0, 40, 0, 0})
	solicit := gopacket.Payload([]byte{0, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1, 2, 0, 0, 0, 0, 1})
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeNeighborSolicitation, 0)}
	return []captured{
		{"a", build(t, 1, 2, nil, ip6(1, 2, layers.IPProtocolUDP), udpTo(53), hello)},
		{"a", build(t, 1, 2, nil, inHop, hop)},
		{"a", build(t, 1, 2, nil, first, fragment)},
		{"a", build(t, 1, 2, nil, first, later)},
		{"a", build(t, 1, 2, nil, ip6(1, 2, layers.IPProtocolICMPv6), icmp, solicit)},
		{"a", build(t, 1, 2, nil, ip6(1, 2, layers.IPProtocolTCP), tcpTo(53), hello)},
	}
}

func malformedInput(t *testing.T) []captured {
	whole := build(t, 1, 2, []uint16{5}, ip4(1, 2, layers.IPProtocolUDP), udpTo(53), hello)
	var all []captured
	for n := 1; n < len(whole); n++ {
		all = append(all, captured{"a", whole[:n]})
	}
	longer := bytes.Clone(whole)
	longer[20], longer[21] = 0xff, 0xff // the IPv4 header claims 65535 bytes
	options := bytes.Clone(whole)
	options[18] = 0x4f // and 60 bytes of header
	return append(all, captured{"a", longer}, captured{"a", options}, captured{"a", append(whole, make([]byte, 30)...)})
}

func clonesInput(t *testing.T) []captured {
	return []captured{
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(7), hello)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(80), hello)},
		{"a", build(t, 1, 2, nil, ip6(1, 2, layers.IPProtocolUDP), udpTo(7), hello)},
		{"a", build(t, 1, 2, nil, arpRequest(1, 2))},
	}
}

func truncatedInput(t *testing.T) []captured {
	long := gopacket.Payload(bytes.Repeat([]byte("0123456789"), 500)) // in several buffers
	return []captured{
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(7), hello)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(7), long)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(80), long)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(80))},
		{"a", build(t, 1, 2, nil, arpRequest(1, 2))},
	}
}

func hashedInput(t *testing.T) []captured {
	var all []captured
	for i := range uint16(12) {
		all = append(all, captured{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(i), hello)})
	}
	// Both directions of one connection, then a datagram in fragments.
	there, back := tcpTo(80), tcpTo(1000)
	back.SrcPort = 80
	all = append(all,
		captured{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), there, hello)},
		captured{"a", build(t, 2, 1, nil, ip4(2, 1, layers.IPProtocolTCP), back, hello)},
	)
	for _, frag := range []struct {
		off   uint16
		flags layers.IPv4Flag
	}{{0, layers.IPv4MoreFragments}, {4, layers.IPv4MoreFragments}, {8, 0}} {
		ip := ip4(1, 2, layers.IPProtocolUDP)
		ip.Flags, ip.FragOffset = frag.flags, frag.off
		all = append(all, captured{"a", build(t, 1, 2, nil, ip, gopacket.Payload(make([]byte, 32)))})
	}
	return append(all, captured{"a", build(t, 1, 2, nil, arpRequest(1, 2))})
}

func largerInput(t *testing.T) []captured {
	of := func(size int, vlans ...uint16) captured {
		return captured{"a", build(t, 1, 2, vlans, ip4(1, 2, layers.IPProtocolUDP), udpTo(7), gopacket.Payload(make([]byte, size-42-4*len(vlans))))}
	}
	return []captured{of(99), of(100), of(101), of(100, 5), of(101, 5), of(5000)}
}

// labels puts MPLS label stack entries behind the Ethernet header of a packet, the outermost first.
func labels(p []byte, values ...uint32) []byte {
	q := append(bytes.Clone(p[:12]), 0x88, 0x47)
	for i, v := range values {
		entry := v<<12 | 64
		if i == len(values)-1 {
			entry |= 1 << 8 // the bottom of the stack
		}
		q = binary.BigEndian.AppendUint32(q, entry)
	}
	return append(q, p[14:]...)
}

func labelsInput(t *testing.T) []captured {
	dns := build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(53), hello)
	web := build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(80), hello)
	six := build(t, 1, 2, nil, ip6(1, 2, layers.IPProtocolUDP), udpTo(53), hello)
	return []captured{
		{"a", dns}, // pushed: one label
		{"a", six}, // and two
		{"a", build(t, 1, 2, nil, arpRequest(1, 2))}, // no label
		{"b", labels(dns, 5)},                        // popped, and matched behind the label
		{"b", labels(web, 5)},                        // by a different rule
		{"b", labels(dns, 6, 5)},                     // two labels, popped one by one
		{"b", labels(dns, 7)},                        // another value in the outer entry
		{"b", labels(web, 7, 9)},                     // the inner one stays
		{"b", labels(dns, 5)[:20]},                   // nothing whole behind the label
		{"b", labels(dns, 5, 5)},                     // the same label twice
		{"b", dns},                                   // has no label to pop
	}
}

func meteredInput(t *testing.T) []captured {
	small := captured{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(7), hello)}
	web := captured{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(80), gopacket.Payload(make([]byte, 446)))} // 500 bytes
	var all []captured
	for i := range byte(30) {
		p := captured{"a", bytes.Clone(small.data)}
		p.data[5] = i // the receiver tells which
		all = append(all, p)
	}
	for i := range byte(30) {
		p := captured{"a", bytes.Clone(web.data)}
		p.data[5] = i
		all = append(all, p)
	}
	return append(all, captured{"a", build(t, 1, 2, nil, arpRequest(1, 2))})
}

func groupsInput(t *testing.T) []captured {
	return []captured{
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(7), hello)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(80), hello)},
		{"a", build(t, 1, 2, nil, ip6(1, 2, layers.IPProtocolUDP), udpTo(7), hello)},
		{"a", build(t, 1, 2, nil, arpRequest(1, 2))},
	}
}

func failoverInput(t *testing.T) []captured {
	return []captured{
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolUDP), udpTo(7), hello)},
		{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), tcpTo(80), hello)},
		{"a", build(t, 1, 2, nil, arpRequest(1, 2))},
	}
}

func selectedInput(t *testing.T) []captured {
	var all []captured
	for i := range uint16(16) {
		there, back := tcpTo(80), tcpTo(1000+i)
		there.SrcPort, back.SrcPort = layers.TCPPort(1000+i), 80
		all = append(all,
			captured{"a", build(t, 1, 2, nil, ip4(1, 2, layers.IPProtocolTCP), there, hello)},
			captured{"a", build(t, 2, 1, nil, ip4(2, 1, layers.IPProtocolTCP), back, hello)},
		)
	}
	for host := range byte(6) {
		for port := range uint16(2) {
			all = append(all, captured{"a", build(t, 3+host, 2, nil, ip4(3+host, 2, layers.IPProtocolUDP), udpTo(port), hello)})
		}
	}
	return all
}

func taughtInput(t *testing.T) []captured {
	ask := func(a, b byte) []byte { return build(t, a, b, nil, ip4(a, b, layers.IPProtocolUDP), udpTo(7), hello) }
	answer := func(a, b byte) []byte {
		return build(t, a, b, nil, ip4(a, b, layers.IPProtocolUDP), &layers.UDP{SrcPort: 7, DstPort: 1000}, hello)
	}
	return []captured{
		{"b", answer(2, 1)}, // to no question
		{"a", ask(1, 2)},    // opens the way back
		{"b", answer(2, 1)}, // now it passes
		{"b", answer(3, 1)}, // which nobody asked
		{"b", ask(2, 1)},    // is no answer
		{"c", answer(2, 1)}, // nor is it this port that was asked
		{"a", ask(4, 2)},    // another host
		{"b", answer(2, 4)},
		{"b", answer(2, 1)}, // by the cache
	}
}
