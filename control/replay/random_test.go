package replay

import (
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// randomPackets are a few hosts' packets of all protocols, some of them odd, over some time.
func randomPackets(t *testing.T, r *rand.Rand, n int, over time.Duration) []packet {
	var list []packet
	for i := range n {
		list = append(list, packet{over * time.Duration(i) / time.Duration(n), randomPacket(t, r)})
	}
	return list
}

func randomPacket(t *testing.T, r *rand.Rand) []byte {
	src, dst := byte(r.IntN(12)), byte(r.IntN(12))
	var data []byte
	switch r.IntN(6) {
	case 0:
		data = tcp(t, src, dst, uint16(r.IntN(1<<16)), uint16(r.IntN(100)))
	case 1:
		data = randomIPv6(t, r, src, dst)
	case 2:
		data = randomARP(t, r, src, dst)
	default:
		data = udp(t, src, dst, uint16(r.IntN(4)), uint16(r.IntN(200)))
	}
	if r.IntN(4) == 0 {
		data = tagged(t, data, uint16(r.IntN(4)+6)|uint16(r.IntN(8))<<13)
	}
	switch r.IntN(12) {
	case 0:
		data[r.IntN(len(data))] ^= byte(1 + r.IntN(255))
	case 1:
		data = data[:r.IntN(len(data))]
	case 2:
		data = cut(data, uint16(r.IntN(len(data))))
	}
	return data
}

func randomIPv6(t *testing.T, r *rand.Rand, src, dst byte) []byte {
	e := ether(src, dst)
	e.EthernetType = layers.EthernetTypeIPv6
	from := net.ParseIP("2001:db8::1")
	if r.IntN(2) == 0 {
		from = net.ParseIP("fe80::1")
	}
	from[15] = src
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: from, DstIP: net.ParseIP("2001:db8::2")}
	u := &layers.UDP{SrcPort: 5, DstPort: layers.UDPPort(r.IntN(100))}
	if err := u.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	return build(t, e, ip, u, gopacket.Payload("six"))
}

func randomARP(t *testing.T, r *rand.Rand, src, dst byte) []byte {
	e := ether(src, dst)
	e.EthernetType = layers.EthernetTypeARP
	return build(t, e, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: uint16(1 + r.IntN(2)), SourceHwAddress: e.SrcMAC, DstHwAddress: make([]byte, 6),
		SourceProtAddress: []byte{10, 0, 0, src}, DstProtAddress: []byte{10, 0, 0, dst},
	})
}

func TestTheCachesAreRightForALotOfRandomPackets(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 800
	}
	r := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	var in []Input
	for _, port := range []string{"p1", "p2", "p3"} {
		in = append(in, Input{port, write(t, dir, port, layers.LinkTypeEthernet, randomPackets(t, r, n, 20*time.Second))})
	}
	_, sum := run(t, "testdata/random.yaml", in)
	if sum.Packets != 3*n || sum.Violations > 0 || sum.Looks["slow"] == 0 || sum.Looks["megaflow"] == 0 || sum.Looks["emc"] == 0 {
		t.Errorf("got %+v", sum)
	}
	t.Logf("%+v", sum)
}
