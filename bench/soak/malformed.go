package soak

import (
	"math/rand/v2"
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// minInjected is the shortest frame a packet socket takes: an Ethernet header.
const minInjected = 14 // bytes

// malformed returns n packets that are wrong somewhere behind their addresses: cut off at any byte, with
// lengths that lie, or with random bytes. Their addresses belong to nobody (RFC 5737, RFC 3849), so
// that no host learns anything from them.
func malformed(r *rand.Rand, n int) [][]byte {
	good := specimens()
	frames := make([][]byte, n)
	for i := range frames {
		p := append([]byte(nil), good[r.IntN(len(good))]...)
		switch r.IntN(4) {
		case 0:
			p = p[:minInjected+r.IntN(len(p)-minInjected+1)]
		case 1:
			lie(r, p)
		case 2:
			lie(r, p)
			p = p[:minInjected+r.IntN(len(p)-minInjected+1)]
		default:
			for range 1 + r.IntN(4) {
				p[12+r.IntN(len(p)-12)] = byte(r.Uint32())
			}
		}
		p[11] = byte(r.Uint32()) // a source of its own
		frames[i] = p
	}
	return frames
}

// lie changes one of the places where headers of the specimens have lengths, offsets and what follows.
func lie(r *rand.Rand, p []byte) {
	places := [...]int{
		12, 13, // type of Ethernet
		14, 15, 16, 17, 18, // version, header length, total length; payload length of IPv6; a VLAN's type
		20, 21, 23, // flags and fragment offset, protocol; next header of IPv6
		38, 39, 46, 54, 55, // length of UDP, offset of TCP, extension headers of IPv6
	}
	values := [...]byte{0, 1, 0x0f, 0x40, 0x60, 0x7f, 0x80, 0xff}
	for range 1 + r.IntN(2) {
		if at := places[r.IntN(len(places))]; at < len(p) {
			p[at] = values[r.IntN(len(values))]
		}
	}
}

// specimens returns one right packet of each kind.
func specimens() [][]byte {
	eth := func(t layers.EthernetType) *layers.Ethernet {
		return &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0xba, 0xd0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0x77, 0, 0, 0, 1}, EthernetType: t}
	}
	tag := func(vid uint16, t layers.EthernetType) *layers.Dot1Q {
		return &layers.Dot1Q{VLANIdentifier: vid, Type: t}
	}
	ip4 := func(p layers.IPProtocol) *layers.IPv4 {
		return &layers.IPv4{Version: 4, TTL: 64, Protocol: p, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{198, 51, 100, 1}}
	}
	ip6 := func(p layers.IPProtocol) *layers.IPv6 {
		return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: p, SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2")}
	}
	udp := &layers.UDP{SrcPort: 1024, DstPort: 9}
	tcp := &layers.TCP{SrcPort: 1024, DstPort: 80, SYN: true, Window: 1000, Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 0xb4}}}}
	sctp := &layers.SCTP{SrcPort: 1024, DstPort: 9}
	hop := &layers.IPv6HopByHop{}
	hop.NextHeader = layers.IPProtocolUDP
	hop.Options = []*layers.IPv6HopByHopOption{{OptionType: 1, OptionData: []byte{0, 0, 0, 0}}}
	arp := &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPRequest, SourceHwAddress: []byte{2, 0xba, 0xd0, 0, 0, 1}, SourceProtAddress: []byte{192, 0, 2, 1},
		DstHwAddress: make([]byte, 6), DstProtAddress: []byte{192, 0, 2, 2}}
	solicit := &layers.ICMPv6NeighborSolicitation{TargetAddress: net.ParseIP("2001:db8::2"),
		Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: []byte{2, 0xba, 0xd0, 0, 0, 1}}}}
	icmp6 := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeNeighborSolicitation, 0)}
	body := gopacket.Payload(make([]byte, 64))
	stacks := [][]gopacket.SerializableLayer{
		{eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp, body},
		{eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp, body},
		{eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolSCTP), sctp, body},
		{eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}, body},
		{eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolUDP), udp, body},
		{eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolIPv6HopByHop), hop, udp, body},
		{eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolTCP), tcp, body},
		{eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolICMPv6), icmp6, solicit},
		{eth(layers.EthernetTypeARP), arp},
		{eth(layers.EthernetTypeDot1Q), tag(stationTag, layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp, body},
		{eth(layers.EthernetTypeQinQ), tag(otherTag, layers.EthernetTypeDot1Q), tag(stationTag, layers.EthernetTypeIPv6), ip6(layers.IPProtocolUDP), udp, body},
		{eth(layers.EthernetTypeMPLSUnicast), &layers.MPLS{Label: 16, StackBottom: true, TTL: 64}, body},
	}
	frames := make([][]byte, len(stacks))
	for i, stack := range stacks {
		b := gopacket.NewSerializeBuffer()
		// The checksums stay 0: these packets are to be taken apart, not received.
		if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, stack...); err != nil {
			panic("soak: a specimen cannot be made: " + err.Error())
		}
		frames[i] = b.Bytes()
	}
	return frames
}

// strangers returns n small UDP packets to a MAC address, or to a random one when to is nil, each of a
// flow of its own: random addresses and ports, and sources nobody has seen.
func strangers(r *rand.Rand, n int, to net.HardwareAddr) [][]byte {
	udp := specimens()[0]
	frames := make([][]byte, n)
	for i := range frames {
		p := append([]byte(nil), udp...)
		for at := range 6 {
			p[at], p[6+at] = byte(r.Uint32()), byte(r.Uint32())
		}
		p[0], p[6] = 2, 2 // local, unicast
		p[1], p[7] = 0x5e, 0x5e
		if to != nil {
			copy(p, to)
		}
		for at := 28; at < 38; at++ { // the low halves of both addresses, and both ports
			if at != 30 && at != 31 {
				p[at] = byte(r.Uint32())
			}
		}
		frames[i] = p
	}
	return frames
}
