package replay

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

const aGateway = `
bridges:
- name: gw0
  table: gateway
  ports: [{name: p1, type: memory}, {name: p2, type: memory}]
  gateway:
    interfaces:
    - {name: lan, ports: [p1], mac: "02:00:00:00:00:a1", addresses: [10.0.1.1/24]}
    - {name: wan, tagged: [{port: p2, vlan: 7}], mac: "02:00:00:00:00:a2", addresses: [10.0.2.1/24]}
    neighbours: [{address: 10.0.2.2, mac: "02:00:00:00:00:02"}]
    acl: [{action: deny, protocol: udp, to-ports: 53}]
`

// routed returns a UDP packet from 10.0.1.2 to the gateway's Ethernet address.
func routed(t *testing.T, to byte, ttl byte, port layers.UDPPort) []byte {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 0xa1}, EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: ttl, Protocol: layers.IPProtocolUDP, SrcIP: []byte{10, 0, 1, 2}, DstIP: []byte{10, 0, 2, to}}
	udp := &layers.UDP{SrcPort: 1000, DstPort: port}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, o, eth, ip, udp); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAGatewayIsReplayed: what it sends of its own accord, an ICMP error and an ARP request, leaves beside what its
// verdicts say, and is the same in every run.
func TestAGatewayIsReplayed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gateway.yaml")
	if err := os.WriteFile(file, []byte(aGateway), 0o600); err != nil {
		t.Fatal(err)
	}
	in := write(t, dir, "p1", layers.LinkTypeEthernet, []packet{
		{0, routed(t, 2, 64, 9)}, {time.Second, routed(t, 2, 64, 9)}, {2 * time.Second, routed(t, 2, 64, 53)},
		{3 * time.Second, routed(t, 2, 1, 9)}, {4 * time.Second, routed(t, 3, 64, 9)},
	})
	out, sum := run(t, file, []Input{{"p1", in}})
	if sum.Packets != 5 || len(out.files) != 2 {
		t.Errorf("%d packets, captures of %d ports; want 5, and both ports'", sum.Packets, len(out.files))
	}
}
