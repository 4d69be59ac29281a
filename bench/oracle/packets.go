package oracle

import (
	"bytes"
	"math/rand/v2"
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// What packets and rules are made of: few values, so that they meet.
var (
	macs  = []string{"02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "01:80:c2:00:00:00"}
	ips4  = []string{"10.0.0.1", "10.0.0.2", "10.0.1.1", "192.168.0.1", "224.0.0.1"}
	ips6  = []string{"fd00::1", "fd00::2", "fd00:0:0:1::1", "fe80::1", "ff02::1"}
	vids  = []uint16{0, 5, 7, 10, 4095}
	ports = []uint16{0, 53, 80, 1000, 1001, 65535}
	marks = []uint32{0, 16, 17, 100, 1048575} // MPLS labels
)

// A generator makes scenes.
type generator struct {
	*rand.Rand
	table  int  // that the rule in hand is in
	popped bool // the list of actions in hand has popped the last label
	clones int  // that the list of actions in hand is within
	labels int  // bytes up to the end of the last label of the packet in hand
	loops  bool // rules of the scene may send packets back to earlier tables
	alone  bool // the scene is Culvert's alone: it has what Open vSwitch does in a way of its own
}

func newGenerator(seed uint64) *generator {
	r := rand.New(rand.NewPCG(seed, 1))
	return &generator{Rand: r, loops: r.IntN(2) == 0}
}

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// one reports true once in n.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

// packet returns a random packet, which is whole and right most of the time.
func (g *generator) packet() []byte {
	data := g.whole()
	switch g.IntN(12) {
	case 0:
		data = data[:max(14, g.labels, g.IntN(len(data)+1))] // cut short
	case 1:
		for range 1 + g.IntN(3) { // bits that nobody expects
			if i := 12 + g.IntN(60); i < len(data) {
				data[i] ^= 1 << g.IntN(8)
			}
		}
	case 2:
		data = append(data, make([]byte, g.IntN(60))...) // padding
	}
	return data
}

// whole returns a packet with right lengths and checksums.
func (g *generator) whole() []byte {
	var stack []gopacket.SerializableLayer
	types := []layers.EthernetType{}
	for range pick(g, 0, 0, 0, 1, 1, 2, 3) {
		types = append(types, pick(g, layers.EthernetTypeDot1Q, layers.EthernetTypeDot1Q, layers.EthernetTypeQinQ))
	}
	tags := len(types)
	labels := pick(g, 0, 0, 0, 0, 1, 1, 2, 3) // of more Open vSwitch can pop three
	g.labels = 0
	if labels > 0 { // where labels are cut off, Open vSwitch makes room for those that are written
		g.labels = 14 + 4*tags + 4*labels
		types = append(types, pick(g, layers.EthernetTypeMPLSUnicast, layers.EthernetTypeMPLSUnicast, layers.EthernetTypeMPLSMulticast))
	}
	inner, payload := g.network()
	if labels == 0 {
		types = append(types, inner)
	}
	eth := &layers.Ethernet{SrcMAC: mac(pick(g, macs[:3]...)), DstMAC: mac(pick(g, macs...)), EthernetType: types[0]}
	stack = append(stack, eth)
	for i := range tags {
		stack = append(stack, &layers.Dot1Q{VLANIdentifier: pick(g, vids...), Priority: uint8(pick(g, 0, 0, 3, 7)), Type: types[i+1]})
	}
	for i := range labels {
		stack = append(stack, &layers.MPLS{
			Label: pick(g, marks...), TrafficClass: uint8(pick(g, 0, 5)), StackBottom: i == labels-1, TTL: uint8(pick(g, 0, 1, 2, 64)),
		})
	}
	return serialize(append(stack, payload...))
}

// network returns a random network layer with what it carries.
func (g *generator) network() (layers.EthernetType, []gopacket.SerializableLayer) {
	data := gopacket.Payload(bytes.Repeat([]byte{0xda}, pick(g, 0, 8, 18, 18, 100, 700)))
	switch g.IntN(10) {
	case 0:
		return layers.EthernetTypeARP, []gopacket.SerializableLayer{&layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: uint16(pick(g, 1, 2, 3, 4)), SourceHwAddress: mac(pick(g, macs[:3]...)), DstHwAddress: mac(pick(g, macs...)),
			SourceProtAddress: net.ParseIP(pick(g, ips4...)).To4(), DstProtAddress: net.ParseIP(pick(g, ips4...)).To4(),
		}, data}
	case 1:
		return pick(g, layers.EthernetType(0x88cc), 0x9000, 0x0806, 0x0800, 0x86dd, 0x0100), []gopacket.SerializableLayer{data}
	case 2, 3, 4:
		ip := &layers.IPv6{
			Version: 6, HopLimit: uint8(pick(g, 0, 1, 2, 64, 255)), TrafficClass: uint8(pick(g, 0, 0x20, 0x03)), FlowLabel: uint32(pick(g, 0, 7)),
			SrcIP: net.ParseIP(pick(g, ips6...)), DstIP: net.ParseIP(pick(g, ips6...)),
		}
		proto, rest := g.transport(ip, true)
		ip.NextHeader = proto
		return layers.EthernetTypeIPv6, append(append([]gopacket.SerializableLayer{ip}, rest...), data)
	default:
		ip := &layers.IPv4{
			Version: 4, TTL: uint8(pick(g, 0, 1, 2, 64, 255)), TOS: uint8(pick(g, 0, 0x20, 0x03)), Id: 1,
			SrcIP: net.ParseIP(pick(g, ips4...)).To4(), DstIP: net.ParseIP(pick(g, ips4...)).To4(),
		}
		switch g.IntN(8) {
		case 0:
			ip.Flags = layers.IPv4MoreFragments
		case 1:
			// Too short for a checksum: Open vSwitch changes what lies where the first fragment has it.
			ip.FragOffset, ip.Protocol = 100, pick(g, layers.IPProtocolTCP, layers.IPProtocolUDP)
			return layers.EthernetTypeIPv4, []gopacket.SerializableLayer{ip, data[:min(len(data), 7)]}
		case 2:
			ip.Flags = layers.IPv4DontFragment
		}
		proto, rest := g.transport(ip, false)
		ip.Protocol = proto
		return layers.EthernetTypeIPv4, append(append([]gopacket.SerializableLayer{ip}, rest...), data)
	}
}

// transport returns a random transport layer.
func (g *generator) transport(ip gopacket.NetworkLayer, six bool) (layers.IPProtocol, []gopacket.SerializableLayer) {
	src, dst := pick(g, ports...), pick(g, ports...)
	switch g.IntN(7) {
	case 0, 1:
		tcp := &layers.TCP{SrcPort: layers.TCPPort(src), DstPort: layers.TCPPort(dst), SYN: g.one(2), ACK: g.one(2), FIN: g.one(4), Window: 100}
		tcp.SetNetworkLayerForChecksum(ip)
		return layers.IPProtocolTCP, []gopacket.SerializableLayer{tcp}
	case 2, 3:
		udp := &layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}
		udp.SetNetworkLayerForChecksum(ip)
		return layers.IPProtocolUDP, []gopacket.SerializableLayer{udp}
	case 4:
		return layers.IPProtocolSCTP, []gopacket.SerializableLayer{&layers.SCTP{SrcPort: layers.SCTPPort(src), DstPort: layers.SCTPPort(dst)}}
	case 5:
		if six {
			return g.icmp6(ip)
		}
		return layers.IPProtocolICMPv4, []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(uint8(pick(g, 0, 3, 8)), uint8(pick(g, 0, 1)))}}
	}
	return pick(g, layers.IPProtocolGRE, layers.IPProtocol(89), layers.IPProtocolIGMP, layers.IPProtocolUDPLite), nil
}

// icmp6 returns an ICMPv6 message, a neighbour discovery one most of the time.
func (g *generator) icmp6(ip gopacket.NetworkLayer) (layers.IPProtocol, []gopacket.SerializableLayer) {
	typ := uint8(pick(g, 135, 136, 128))
	head := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, uint8(pick(g, 0, 0, 0, 1)))}
	head.SetNetworkLayerForChecksum(ip)
	link := layers.ICMPv6Options{{Type: layers.ICMPv6Opt(pick(g, 1, 2)), Data: mac(pick(g, macs...))}}
	if g.one(3) {
		link = nil
	}
	target := net.ParseIP(pick(g, ips6...))
	switch typ {
	case 135:
		return layers.IPProtocolICMPv6, []gopacket.SerializableLayer{head, &layers.ICMPv6NeighborSolicitation{TargetAddress: target, Options: link}}
	case 136:
		return layers.IPProtocolICMPv6, []gopacket.SerializableLayer{head, &layers.ICMPv6NeighborAdvertisement{TargetAddress: target, Options: link}}
	}
	return layers.IPProtocolICMPv6, []gopacket.SerializableLayer{head, &layers.ICMPv6Echo{Identifier: 1}}
}

func mac(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err) // one of the constants above
	}
	return m
}

func serialize(stack []gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		panic(err) // the generator's layers have nothing that cannot be written
	}
	return bytes.Clone(buf.Bytes())
}

// Packets makes packets as those of scenes: n of a seed, the same every time.
func Packets(seed uint64, n int) (list [][]byte) {
	g := newGenerator(seed)
	for range n {
		list = append(list, g.packet())
	}
	return list
}
