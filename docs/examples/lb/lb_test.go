package main

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/vhost/frontend/vnf"
	"github.com/culvertdev/culvert/vhost/frontend/vnf/vnftest"
)

const vip = "10.0.0.80"

var (
	vipMAC    = net.HardwareAddr{2, 0, 0, 0, 0, 0x80}
	clientMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}
)

// serverAt returns the address of server i, and serverMAC its Ethernet address.
func serverAt(i int) string              { return fmt.Sprintf("10.0.0.%d", 11+i) }
func serverMAC(i int) net.HardwareAddr   { return net.HardwareAddr{2, 0, 0, 0, 0, byte(11 + i)} }
func clientAt(i int) (addr string)       { return fmt.Sprintf("10.1.%d.%d", i>>8, i&0xff) }
func indexOf(server uint32) (number int) { return int(server&0xff) - 11 }

// withServers returns a balancer with those servers.
func withServers(t *testing.T, numbers ...int) *balancer {
	t.Helper()
	var servers []string
	for _, i := range numbers {
		servers = append(servers, serverAt(i)+","+serverMAC(i).String())
	}
	b, err := newBalancer(vip+","+vipMAC.String(), servers)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// packet returns a packet with right lengths and checksums.
func packet(t *testing.T, proto layers.IPProtocol, from, to net.HardwareAddr, src, dst string, sport, dport uint16) []byte {
	t.Helper()
	h := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: net.ParseIP(src).To4(), DstIP: net.ParseIP(dst).To4()}
	ls := []gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: from, DstMAC: to, EthernetType: layers.EthernetTypeIPv4}, h}
	switch proto {
	case layers.IPProtocolTCP:
		l := &layers.TCP{SrcPort: layers.TCPPort(sport), DstPort: layers.TCPPort(dport), ACK: true}
		l.SetNetworkLayerForChecksum(h)
		ls = append(ls, l)
	case layers.IPProtocolUDP:
		l := &layers.UDP{SrcPort: layers.UDPPort(sport), DstPort: layers.UDPPort(dport)}
		l.SetNetworkLayerForChecksum(h)
		ls = append(ls, l)
	}
	return serialize(t, append(ls, gopacket.Payload("what the packet is about"))...)
}

func serialize(t *testing.T, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return append([]byte(nil), b.Bytes()...)
}

// TestBothDirectionsLookAsIfSentSo has connections go to a server and its answers come back: each packet is what it would
// be if the other end had really been meant, checksums included.
func TestBothDirectionsLookAsIfSentSo(t *testing.T) {
	b := withServers(t, 0, 1, 2)
	for _, proto := range []layers.IPProtocol{layers.IPProtocolTCP, layers.IPProtocolUDP} {
		for c := range 50 {
			client, port := clientAt(c), uint16(1000+c)
			i := indexOf(b.pick(0x0a010000|uint32(c), port, uint8(proto)).addr)
			pkt := packet(t, proto, clientMAC, vipMAC, client, vip, port, 80)
			if v := b.handle(pkt, vnf.Left); v != vnf.Pass {
				t.Fatalf("verdict %d", v)
			}
			want := packet(t, proto, clientMAC, serverMAC(i), client, serverAt(i), port, 80)
			if string(pkt) != string(want) {
				t.Errorf("to the server: % x, want\n% x", pkt, want)
			}
			pkt = packet(t, proto, serverMAC(i), clientMAC, serverAt(i), client, 80, port)
			if v := b.handle(pkt, vnf.Right); v != vnf.Pass {
				t.Fatalf("verdict %d", v)
			}
			if want = packet(t, proto, vipMAC, clientMAC, vip, client, 80, port); string(pkt) != string(want) {
				t.Errorf("to the client: % x, want\n% x", pkt, want)
			}
		}
	}
}

// TestServersThatComeAndGoMoveNoConnectionsButTheirOwn compares what many connections get with one server more or less.
func TestServersThatComeAndGoMoveNoConnectionsButTheirOwn(t *testing.T) {
	all, fewer := withServers(t, 0, 1, 2, 3, 4), withServers(t, 4, 2, 1, 0) // in another order, too
	share := make(map[int]int)
	const connections = 50000
	for i := range connections {
		before := indexOf(all.pick(uint32(i)*7919, uint16(i), 6).addr)
		after := indexOf(fewer.pick(uint32(i)*7919, uint16(i), 6).addr)
		share[before]++
		if before != 3 && before != after {
			t.Fatalf("connection %d moves from server %d to %d", i, before, after)
		}
		if after == 3 {
			t.Fatal("a server that is gone gets a connection")
		}
	}
	for i, n := range share {
		if n < connections/5*9/10 || n > connections/5*11/10 {
			t.Errorf("server %d has %d of %d connections", i, n, connections)
		}
	}
}

func arp(t *testing.T, op uint16, from, to net.HardwareAddr, sender, target string) []byte {
	t.Helper()
	asked := make(net.HardwareAddr, 6)
	if op == layers.ARPReply {
		asked = to
	}
	return serialize(t, &layers.Ethernet{SrcMAC: from, DstMAC: to, EthernetType: layers.EthernetTypeARP}, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: op,
		SourceHwAddress: from, SourceProtAddress: net.ParseIP(sender).To4(),
		DstHwAddress: asked, DstProtAddress: net.ParseIP(target).To4(),
	})
}

func TestTheServicesAddressIsAnswered(t *testing.T) {
	b := withServers(t, 0)
	pkt := arp(t, layers.ARPRequest, clientMAC, layers.EthernetBroadcast, "10.0.0.110", vip)
	if v := b.handle(pkt, vnf.Left); v != vnf.Return {
		t.Errorf("verdict %d", v)
	}
	if want := arp(t, layers.ARPReply, vipMAC, clientMAC, vip, "10.0.0.110"); string(pkt) != string(want) {
		t.Errorf("answered % x, want\n% x", pkt, want)
	}
	for name, tc := range map[string]struct {
		from vnf.Side
		pkt  []byte
	}{
		"for somebody else":     {vnf.Left, arp(t, layers.ARPRequest, clientMAC, layers.EthernetBroadcast, "10.0.0.110", serverAt(0))},
		"a reply":               {vnf.Left, arp(t, layers.ARPReply, clientMAC, serverMAC(0), "10.0.0.110", serverAt(0))},
		"from the servers side": {vnf.Right, arp(t, layers.ARPRequest, serverMAC(0), layers.EthernetBroadcast, serverAt(0), vip)},
	} {
		was := string(tc.pkt)
		if v := b.handle(tc.pkt, tc.from); v != vnf.Pass || string(tc.pkt) != was {
			t.Errorf("%s: verdict %d, changed %v", name, v, string(tc.pkt) != was)
		}
	}
}

func TestAllTheRestIsDropped(t *testing.T) {
	b := withServers(t, 0)
	fragment := packet(t, layers.IPProtocolUDP, clientMAC, vipMAC, "10.1.0.1", vip, 5, 80)
	fragment[l3+6] = 0x20
	for name, tc := range map[string]struct {
		from vnf.Side
		pkt  []byte
	}{
		"for another address":       {vnf.Left, packet(t, layers.IPProtocolTCP, clientMAC, vipMAC, "10.1.0.1", "10.0.0.81", 5, 80)},
		"for a server":              {vnf.Left, packet(t, layers.IPProtocolTCP, clientMAC, vipMAC, "10.1.0.1", serverAt(0), 5, 80)},
		"from another host":         {vnf.Right, packet(t, layers.IPProtocolTCP, clientMAC, vipMAC, "10.0.0.99", "10.1.0.1", 80, 5)},
		"for the service, backward": {vnf.Right, packet(t, layers.IPProtocolTCP, clientMAC, vipMAC, "10.1.0.1", vip, 5, 80)},
		"another protocol":          {vnf.Left, packet(t, layers.IPProtocolGRE, clientMAC, vipMAC, "10.1.0.1", vip, 5, 80)},
		"a fragment":                {vnf.Left, fragment},
		"nothing":                   {vnf.Left, nil},
		"half a header":             {vnf.Left, fragment[:l3+10]},
	} {
		if v := b.handle(tc.pkt, tc.from); v != vnf.Drop {
			t.Errorf("%s: verdict %d", name, v)
		}
	}
}

func TestBadAddressesAreNamed(t *testing.T) {
	good := vip + "," + vipMAC.String()
	for _, args := range [][]string{{""}, {good}, {"x,y", good}, {good, "10.0.0.1"}, {good, "::1,02:00:00:00:00:01"}, {good, "10.0.0.1,02:00:00:00:00:00:00:01"}} {
		if _, err := newBalancer(args[0], args[1:]); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	many := make([]string, 65)
	for i := range many {
		many[i] = good
	}
	if _, err := newBalancer(good, many); err == nil {
		t.Error("65 servers are taken")
	}
}

// TestOverVhostUser runs the function between two ports of a switch.
func TestOverVhostUser(t *testing.T) {
	paths := vnftest.Paths(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- vnf.Between(ctx, vnf.Options{}, paths[0], paths[1], withServers(t, 0).handle) }()
	s := vnftest.Connect(t, paths...)
	s.Send(0, arp(t, layers.ARPRequest, clientMAC, layers.EthernetBroadcast, "10.1.0.1", vip))
	if got, want := s.Recv(0), arp(t, layers.ARPReply, vipMAC, clientMAC, vip, "10.1.0.1"); string(got) != string(want) {
		t.Errorf("answered % x, want\n% x", got, want)
	}
	s.Send(0, packet(t, layers.IPProtocolUDP, clientMAC, vipMAC, "10.1.0.1", vip, 5, 53))
	want := packet(t, layers.IPProtocolUDP, clientMAC, serverMAC(0), "10.1.0.1", serverAt(0), 5, 53)
	if got := s.Recv(1); string(got) != string(want) {
		t.Errorf("to the server % x, want\n% x", got, want)
	}
	s.Send(1, packet(t, layers.IPProtocolUDP, serverMAC(0), clientMAC, serverAt(0), "10.1.0.1", 53, 5))
	want = packet(t, layers.IPProtocolUDP, vipMAC, clientMAC, vip, "10.1.0.1", 53, 5)
	if got := s.Recv(0); string(got) != string(want) {
		t.Errorf("to the client % x, want\n% x", got, want)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// FuzzHandle has any bytes come in on either side: nothing panics.
func FuzzHandle(f *testing.F) {
	b, err := newBalancer(vip+","+vipMAC.String(), []string{"10.0.0.11,02:00:00:00:00:11"})
	if err != nil {
		f.Fatal(err)
	}
	seed := append(append(make([]byte, 12), 8, 0, 0x45), make([]byte, 60)...)
	copy(seed[l3+16:], []byte{10, 0, 0, 80})
	seed[l3+9] = 17
	f.Add(seed, false)
	f.Fuzz(func(t *testing.T, pkt []byte, right bool) {
		from := vnf.Left
		if right {
			from = vnf.Right
		}
		b.handle(pkt, from)
	})
}
