package traffic

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// minFrame is the least Ethernet takes, without the frame check sequence (IEEE 802.3, 4.2.3.3).
const minFrame = 60 // bytes

// An Endpoint is where a made-up packet comes from or goes to.
type Endpoint struct {
	MAC  net.HardwareAddr
	Addr netip.Addr
}

// Flows says which UDP packets to make. The addresses are both IPv4 or both IPv6.
type Flows struct {
	From, To Endpoint
	Count    int    // flows, which differ in their source port, at most 64000; default 1
	Size     int    // bytes of a frame; default minFrame
	VLAN     uint16 // 0: untagged
}

// Frames returns one frame of each flow, to the port discard (RFC 863).
func (f Flows) Frames() ([][]byte, error) {
	frames := make([][]byte, max(f.Count, 1))
	for i := range frames {
		stack := f.headers(layers.UDPPort(1024 + i%64000))
		room := max(f.Size, minFrame) - f.headerSize()
		b := gopacket.NewSerializeBuffer()
		o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
		if err := gopacket.SerializeLayers(b, o, append(stack, gopacket.Payload(piece(0, max(room, 0))))...); err != nil {
			return nil, fmt.Errorf("make a packet from %s to %s: %w", f.From.Addr, f.To.Addr, err)
		}
		frames[i] = b.Bytes()
	}
	return frames, nil
}

func (f Flows) headerSize() int {
	n := 14 + 20 + 8 // Ethernet, IPv4, UDP
	if f.From.Addr.Is6() {
		n += 20
	}
	if f.VLAN != 0 {
		n += 4
	}
	return n
}

func (f Flows) headers(port layers.UDPPort) []gopacket.SerializableLayer {
	network := layers.EthernetTypeIPv4
	if f.From.Addr.Is6() {
		network = layers.EthernetTypeIPv6
	}
	eth := &layers.Ethernet{SrcMAC: f.From.MAC, DstMAC: f.To.MAC, EthernetType: network}
	stack := []gopacket.SerializableLayer{eth}
	if f.VLAN != 0 {
		eth.EthernetType = layers.EthernetTypeDot1Q
		stack = append(stack, &layers.Dot1Q{VLANIdentifier: f.VLAN, Type: network})
	}
	udp := &layers.UDP{SrcPort: port, DstPort: 9}
	src, dst := net.IP(f.From.Addr.AsSlice()), net.IP(f.To.Addr.AsSlice())
	if f.From.Addr.Is6() {
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: src, DstIP: dst}
		udp.SetNetworkLayerForChecksum(ip)
		return append(stack, ip, udp)
	}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: src, DstIP: dst}
	udp.SetNetworkLayerForChecksum(ip)
	return append(stack, ip, udp)
}
