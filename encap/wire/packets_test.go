package wire

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/ring/frame"
)

// A packet is a test packet and what the builder knows of it.
type packet struct {
	name   string
	b      []byte
	l3, l4 int
}

// A recipe says what test packet to build; what a setter is to change is a field of it.
type recipe struct {
	v6           bool
	proto        layers.IPProtocol
	src, dst     net.IP
	tos, ttl     uint8
	label        uint32
	sport, dport uint16
	typ, code    uint8
	size         int // bytes of payload
	noSum        bool
}

func newRecipe(v6 bool, proto layers.IPProtocol) recipe {
	r := recipe{v6: v6, proto: proto, tos: 0x2e, ttl: 63, label: 0x12345, sport: 1234, dport: 4321, typ: 8, size: 101}
	r.src, r.dst = net.IP{192, 0, 2, 1}, net.IP{198, 51, 100, 200}
	if v6 {
		r.src, r.dst = net.ParseIP("2001:db8::1"), net.ParseIP("2001:db8:ffff::aa")
	}
	return r
}

// build returns the packet of a recipe with right lengths and checksums.
func (r recipe) build() packet {
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	ls := []gopacket.SerializableLayer{eth}
	var nl gopacket.NetworkLayer
	p := packet{name: r.proto.String(), l3: EthernetSize}
	if r.v6 {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, TrafficClass: r.tos, FlowLabel: r.label, HopLimit: r.ttl, NextHeader: r.proto, SrcIP: r.src, DstIP: r.dst}
		ls, nl = append(ls, ip), ip
		p.name, p.l4 = "ipv6 "+p.name, EthernetSize+IPv6Size
	} else {
		ip := &layers.IPv4{Version: 4, TOS: r.tos, TTL: r.ttl, Id: 77, Protocol: r.proto, SrcIP: r.src, DstIP: r.dst}
		ls, nl = append(ls, ip), ip
		p.name, p.l4 = "ipv4 "+p.name, EthernetSize+IPv4Size
	}
	payload := make(gopacket.Payload, r.size)
	for i := range payload {
		payload[i] = byte(i*31 + 7)
	}
	ls = append(ls, r.transport(nl), payload)
	p.b = serialize(ls)
	// The builder pads to 60 bytes.
	if r.v6 {
		p.b = p.b[:p.l4+int(binary.BigEndian.Uint16(p.b[p.l3+IPv6Length:]))]
	} else {
		p.b = p.b[:p.l3+int(binary.BigEndian.Uint16(p.b[p.l3+IPv4Length:]))]
	}
	if r.noSum {
		p.b[p.l4+UDPChecksum], p.b[p.l4+UDPChecksum+1] = 0, 0
	}
	return p
}

func (r recipe) transport(nl gopacket.NetworkLayer) gopacket.SerializableLayer {
	switch r.proto {
	case layers.IPProtocolTCP:
		t := &layers.TCP{SrcPort: layers.TCPPort(r.sport), DstPort: layers.TCPPort(r.dport), ACK: true, Window: 500}
		t.SetNetworkLayerForChecksum(nl)
		return t
	case layers.IPProtocolUDP:
		u := &layers.UDP{SrcPort: layers.UDPPort(r.sport), DstPort: layers.UDPPort(r.dport)}
		u.SetNetworkLayerForChecksum(nl)
		return u
	case layers.IPProtocolSCTP:
		return &layers.SCTP{SrcPort: layers.SCTPPort(r.sport), DstPort: layers.SCTPPort(r.dport), VerificationTag: 99}
	case layers.IPProtocolICMPv6:
		i := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(r.typ, r.code)}
		i.SetNetworkLayerForChecksum(nl)
		return i
	}
	return &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(r.typ, r.code), Id: 1, Seq: 2}
}

func serialize(ls []gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, ls...); err != nil {
		panic(err)
	}
	return append([]byte(nil), buf.Bytes()...)
}

// allRecipes has one packet of each protocol over each IP.
func allRecipes() []recipe {
	return []recipe{
		newRecipe(false, layers.IPProtocolTCP),
		newRecipe(false, layers.IPProtocolUDP),
		newRecipe(false, layers.IPProtocolSCTP),
		newRecipe(false, layers.IPProtocolICMPv4),
		newRecipe(true, layers.IPProtocolTCP),
		newRecipe(true, layers.IPProtocolUDP),
		newRecipe(true, layers.IPProtocolSCTP),
		newRecipe(true, layers.IPProtocolICMPv6),
	}
}

func newTestPool(tb testing.TB) (*frame.Pool, *frame.Cache) {
	tb.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 128, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := pool.NewCache()
	if err != nil {
		tb.Fatal(err)
	}
	return pool, c
}

func closeTestPool(tb testing.TB, pool *frame.Pool, c *frame.Cache) {
	tb.Helper()
	c.Close()
	if err := pool.Close(); err != nil {
		tb.Error(err)
	}
}

// newChain returns b in buffers of at most sizes bytes in turn, the last size for all that follow.
func newChain(tb testing.TB, pool *frame.Pool, c *frame.Cache, b []byte, sizes ...int) frame.Frame {
	tb.Helper()
	var ch frame.Chain
	for ch.Len() == 0 || len(b) > 0 {
		f, ok := c.Get()
		if !ok {
			tb.Fatal("the pool is empty")
		}
		n := min(len(b), sizes[min(ch.Len(), len(sizes)-1)])
		pool.SetLen(&f, n)
		copy(pool.Bytes(f), b[:n])
		b = b[n:]
		if !ch.Append(pool, f) {
			tb.Fatal("the packet needs too many buffers")
		}
	}
	return ch.Frame(pool)
}
