package flow

import (
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/ring/frame"
)

// Addresses of all test packets.
var (
	srcMAC = net.HardwareAddr{0x02, 0, 0, 0, 0, 1}
	dstMAC = net.HardwareAddr{0x02, 0, 0, 0, 0, 2}
	src4   = net.IP{10, 0, 0, 1}
	dst4   = net.IP{10, 0, 0, 2}
	src6   = net.ParseIP("2001:db8::1")
	dst6   = net.ParseIP("2001:db8::2")
)

// build returns the bytes of a packet of these layers, with lengths and checksums, padded with zeros
// to size bytes.
func build(size int, ls ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, ls...); err != nil {
		panic(err)
	}
	pkt := append([]byte(nil), buf.Bytes()...)
	for len(pkt) < size {
		pkt = append(pkt, 0)
	}
	return pkt
}

func ethernet(typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: srcMAC, DstMAC: dstMAC, EthernetType: typ}
}

func ip4(proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, TOS: 0xb9, Protocol: proto, SrcIP: src4, DstIP: dst4}
}

func ip6(next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 63, TrafficClass: 0x2a, FlowLabel: 0xbeef, NextHeader: next, SrcIP: src6, DstIP: dst6}
}

func udpOver(ip gopacket.NetworkLayer) *layers.UDP {
	u := &layers.UDP{SrcPort: 1111, DstPort: 53}
	u.SetNetworkLayerForChecksum(ip)
	return u
}

func tcpOver(ip gopacket.NetworkLayer) *layers.TCP {
	t := &layers.TCP{SrcPort: 40000, DstPort: 80, SYN: true, ACK: true, NS: true, Window: 100}
	t.SetNetworkLayerForChecksum(ip)
	return t
}

func payload(n int) gopacket.Payload {
	b := make([]byte, max(n, 0))
	fillBytes(b, byte(n))
	return b
}

func udp4Packet(size int) []byte {
	ip := ip4(layers.IPProtocolUDP)
	return build(size, ethernet(layers.EthernetTypeIPv4), ip, udpOver(ip), payload(size-42))
}

func tcp4Packet(size int) []byte {
	ip := ip4(layers.IPProtocolTCP)
	return build(size, ethernet(layers.EthernetTypeIPv4), ip, tcpOver(ip), payload(size-54))
}

func tcp6Packet(size int) []byte {
	ip := ip6(layers.IPProtocolTCP)
	return build(size, ethernet(layers.EthernetTypeIPv6), ip, tcpOver(ip), payload(size-74))
}

func vlanPacket(size int) []byte {
	ip := ip4(layers.IPProtocolUDP)
	return build(size, ethernet(layers.EthernetTypeDot1Q),
		&layers.Dot1Q{VLANIdentifier: 100, Priority: 5, Type: layers.EthernetTypeIPv4}, ip, udpOver(ip), payload(size-46))
}

func arpPacket() []byte {
	return build(60, ethernet(layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPReply, SourceHwAddress: srcMAC, SourceProtAddress: src4, DstHwAddress: dstMAC, DstProtAddress: dst4,
	})
}

func neighbourSolicitation() []byte {
	ip := ip6(layers.IPProtocolICMPv6)
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(135, 0)}
	icmp.SetNetworkLayerForChecksum(ip)
	return build(0, ethernet(layers.EthernetTypeIPv6), ip, icmp, &layers.ICMPv6NeighborSolicitation{
		TargetAddress: dst6,
		Options:       layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: srcMAC}},
	})
}

// fillBytes fills b with bytes that are never zero and differ by seed.
func fillBytes(b []byte, seed byte) {
	for i := range b {
		b[i] = byte(i)*7 + seed | 1
	}
}

func newTestPool(tb testing.TB) (*frame.Pool, *frame.Cache) {
	tb.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 256, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := pool.NewCache()
	if err != nil {
		tb.Fatal(err)
	}
	return pool, c
}

// closeTestPool frees what is in the batch and checks that every frame has come back.
func closeTestPool(tb testing.TB, pool *frame.Pool, c *frame.Cache, b *frame.Batch) {
	tb.Helper()
	c.PutBatch(b)
	c.Close()
	if err := pool.Close(); err != nil {
		tb.Error(err)
	}
}

// newFrame returns a frame, or a chain of them, that holds pkt.
func newFrame(tb testing.TB, pool *frame.Pool, c *frame.Cache, pkt []byte) frame.Frame {
	tb.Helper()
	return newChain(tb, pool, c, pkt, pool.Room())
}

// newChain returns pkt in buffers of at most first bytes, then at most a whole buffer each.
func newChain(tb testing.TB, pool *frame.Pool, c *frame.Cache, pkt []byte, first int) frame.Frame {
	tb.Helper()
	var ch frame.Chain
	for room := first; ch.Len() == 0 || len(pkt) > 0; room = pool.Room() {
		f, ok := c.Get()
		if !ok {
			tb.Fatal("the pool is empty")
		}
		n := min(len(pkt), room)
		pool.SetLen(&f, n)
		copy(pool.Bytes(f), pkt[:n])
		pkt = pkt[n:]
		if !ch.Append(pool, f) {
			tb.Fatal("the packet needs too many buffers")
		}
	}
	return ch.Frame(pool)
}
