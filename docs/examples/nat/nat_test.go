package main

import (
	"context"
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/vhost/frontend/vnf"
	"github.com/culvertdev/culvert/vhost/frontend/vnf/vnftest"
)

// Addresses of the tests.
const (
	inner  = "10.0.0.10"
	outer  = "10.0.0.110"
	remote = "10.0.0.80"
	other  = "10.0.0.99"
)

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

func newNAT(t *testing.T) *nat {
	t.Helper()
	n, err := parse([]string{inner + "=" + outer})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// build returns a packet with right lengths and checksums.
func build(t *testing.T, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return append([]byte(nil), b.Bytes()...)
}

func ethernet(t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: t}
}

func ip(src, dst string, proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: net.ParseIP(src).To4(), DstIP: net.ParseIP(dst).To4()}
}

// packet returns a packet of the protocol between two addresses.
func packet(t *testing.T, src, dst string, proto layers.IPProtocol) []byte {
	t.Helper()
	h := ip(src, dst, proto)
	payload := gopacket.Payload("some bytes that are summed up")
	switch proto {
	case layers.IPProtocolTCP:
		l := &layers.TCP{SrcPort: 1234, DstPort: 80, SYN: true}
		l.SetNetworkLayerForChecksum(h)
		return build(t, ethernet(layers.EthernetTypeIPv4), h, l, payload)
	case layers.IPProtocolUDP:
		l := &layers.UDP{SrcPort: 1234, DstPort: 53}
		l.SetNetworkLayerForChecksum(h)
		return build(t, ethernet(layers.EthernetTypeIPv4), h, l, payload)
	case layers.IPProtocolICMPv4:
		return build(t, ethernet(layers.EthernetTypeIPv4), h, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 7}, payload)
	}
	return build(t, ethernet(layers.EthernetTypeIPv4), h, payload)
}

func arp(t *testing.T, op uint16, sender, target string) []byte {
	t.Helper()
	return build(t, ethernet(layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: op,
		SourceHwAddress: macA, SourceProtAddress: net.ParseIP(sender).To4(),
		DstHwAddress: make([]byte, 6), DstProtAddress: net.ParseIP(target).To4(),
	})
}

// quoting returns an ICMP error about a packet.
func quoting(t *testing.T, src, dst string, about []byte) []byte {
	t.Helper()
	return build(t, ethernet(layers.EthernetTypeIPv4), ip(src, dst, layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 4)}, gopacket.Payload(about[l3:l3+28]))
}

// TestPacketsComeOutAsIfTheyHadBeenSentSo compares what becomes of a packet with the packet that a host with the other
// address would have sent: addresses and all checksums.
func TestPacketsComeOutAsIfTheyHadBeenSentSo(t *testing.T) {
	n := newNAT(t)
	for _, proto := range []layers.IPProtocol{layers.IPProtocolTCP, layers.IPProtocolUDP, layers.IPProtocolICMPv4, layers.IPProtocolGRE} {
		same(t, n, vnf.Left, packet(t, inner, remote, proto), packet(t, outer, remote, proto))
		same(t, n, vnf.Right, packet(t, remote, outer, proto), packet(t, remote, inner, proto))
	}
	for _, op := range []uint16{layers.ARPRequest, layers.ARPReply} {
		same(t, n, vnf.Left, arp(t, op, inner, remote), arp(t, op, outer, remote))
		same(t, n, vnf.Right, arp(t, op, remote, outer), arp(t, op, remote, inner))
	}
	same(t, n, vnf.Left, arp(t, layers.ARPRequest, inner, inner), arp(t, layers.ARPRequest, outer, outer))
}

func same(t *testing.T, n *nat, from vnf.Side, pkt, want []byte) {
	t.Helper()
	if v := n.handle(pkt, from); v != vnf.Pass {
		t.Errorf("% x: verdict %d", pkt, v)
	}
	if string(pkt) != string(want) {
		t.Errorf("side %d:\n% x, want\n% x", from, pkt, want)
	}
}

// TestErrorsQuoteThePacketAsItWasSent: a host gets an error about what it has sent itself, in its own words.
func TestErrorsQuoteThePacketAsItWasSent(t *testing.T) {
	n := newNAT(t)
	sent, seen := packet(t, inner, remote, layers.IPProtocolUDP), packet(t, outer, remote, layers.IPProtocolUDP)
	pkt := quoting(t, "10.0.0.1", outer, seen)
	if v := n.handle(pkt, vnf.Right); v != vnf.Pass {
		t.Fatalf("verdict %d", v)
	}
	want := quoting(t, "10.0.0.1", inner, sent)
	copy(want[l3+28+20+6:], seen[l3+20+6:l3+20+8]) // the transport checksum, left as it was
	check := want[l3+20+2 : l3+20+4]
	check[0], check[1] = 0, 0
	binary.BigEndian.PutUint16(check, wire.Checksum(want[l3+20:]))
	if string(pkt) != string(want) {
		t.Errorf("% x, want\n% x", pkt, want)
	}
}

func TestLaterFragmentsKeepTheirPayload(t *testing.T) {
	n := newNAT(t)
	fragment := func(src string) []byte {
		h := ip(src, remote, layers.IPProtocolUDP)
		h.FragOffset = 100
		return build(t, ethernet(layers.EthernetTypeIPv4), h, gopacket.Payload("12345678901234567890"))
	}
	same(t, n, vnf.Left, fragment(inner), fragment(outer))
}

func TestWhatHasNoOtherAddressIsDropped(t *testing.T) {
	n := newNAT(t)
	for name, tc := range map[string]struct {
		from vnf.Side
		pkt  []byte
	}{
		"a host without one, outward": {vnf.Left, packet(t, other, remote, layers.IPProtocolTCP)},
		"an inner address, inward":    {vnf.Right, packet(t, remote, inner, layers.IPProtocolTCP)},
		"ARP of another host":         {vnf.Left, arp(t, layers.ARPRequest, other, remote)},
		"ARP for another host":        {vnf.Right, arp(t, layers.ARPRequest, remote, other)},
		"no packet at all":            {vnf.Left, nil},
		"half an Ethernet header":     {vnf.Left, make([]byte, 7)},
		"IPv6":                        {vnf.Left, build(t, ethernet(layers.EthernetTypeIPv6), gopacket.Payload(make([]byte, 60)))},
		"a short header":              {vnf.Left, packet(t, inner, remote, layers.IPProtocolTCP)[:l3+19]},
		"ARP cut short":               {vnf.Left, arp(t, layers.ARPRequest, inner, remote)[:arpSize-1]},
	} {
		if v := n.handle(tc.pkt, tc.from); v != vnf.Drop {
			t.Errorf("%s: verdict %d", name, v)
		}
	}
}

func TestBadPairsAreNamed(t *testing.T) {
	for _, pairs := range [][]string{{"10.0.0.1"}, {"10.0.0.1="}, {"a=b"}, {"::1=10.0.0.1"}, {"10.0.0.1=10.0.0.2", "10.0.0.1=10.0.0.3"}, {"10.0.0.1=10.0.0.2", "10.0.0.3=10.0.0.2"}} {
		if _, err := parse(pairs); err == nil {
			t.Errorf("%q is taken", pairs)
		}
	}
}

// TestOverVhostUser runs the function between two ports of a switch.
func TestOverVhostUser(t *testing.T) {
	paths := vnftest.Paths(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- vnf.Between(ctx, vnf.Options{}, paths[0], paths[1], newNAT(t).handle) }()
	s := vnftest.Connect(t, paths...)
	s.Send(0, packet(t, inner, remote, layers.IPProtocolTCP))
	if got, want := s.Recv(1), packet(t, outer, remote, layers.IPProtocolTCP); string(got) != string(want) {
		t.Errorf("outward % x, want\n% x", got, want)
	}
	s.Send(1, packet(t, remote, outer, layers.IPProtocolTCP))
	if got, want := s.Recv(0), packet(t, remote, inner, layers.IPProtocolTCP); string(got) != string(want) {
		t.Errorf("inward % x, want\n% x", got, want)
	}
	s.Send(1, packet(t, remote, other, layers.IPProtocolTCP))
	if !s.Silent() {
		t.Error("a packet for nobody goes on")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// FuzzHandle has any bytes come in on either side: nothing panics, and what passes is as long as it was.
func FuzzHandle(f *testing.F) {
	f.Add([]byte{}, false)
	n, err := parse([]string{inner + "=" + outer})
	if err != nil {
		f.Fatal(err)
	}
	seed := append(append(make([]byte, 12), 8, 0, 0x45), make([]byte, 60)...)
	copy(seed[l3+12:], []byte{10, 0, 0, 10})
	f.Add(seed, false)
	f.Fuzz(func(t *testing.T, pkt []byte, right bool) {
		from := vnf.Left
		if right {
			from = vnf.Right
		}
		n.handle(pkt, from)
	})
}
