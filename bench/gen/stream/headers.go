package stream

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/culvertdev/culvert/encap/wire"
)

// offsets are those of a frame's headers, the innermost ones.
type offsets struct{ l2, l3, l4 int }

// A wrap is how a tunnel's type goes around frames.
type wrap struct {
	port   uint16       // destination
	header func([]byte) // writes what is the same in any network
	vni    func([]byte, uint32)
}

// tunnelSize is the size in bytes of VXLAN's header and of GENEVE's without options.
const tunnelSize = 8

// tunnels are the known types.
var tunnels = map[string]wrap{
	"vxlan":  {4789, func(b []byte) { b[0] = 0x08 }, putVNI},                                     // RFC 7348 section 5: the I flag
	"geneve": {6081, func(b []byte) { binary.BigEndian.PutUint16(b[2:], wire.TypeTEB) }, putVNI}, // RFC 8926 section 3.4
}

// putVNI writes the network's identifier: both have it in the same place.
func putVNI(b []byte, vni uint32) { binary.BigEndian.PutUint32(b[4:], vni<<8) }

// headerSize returns the bytes in front of a UDP datagram's payload.
func headerSize(six bool, vlan int) int {
	n := wire.EthernetSize + wire.UDPSize + wire.IPv4Size
	if six {
		n += wire.IPv6Size - wire.IPv4Size
	}
	if vlan > 0 {
		n += wire.VLANTagSize
	}
	return n
}

// putUDP writes the headers of a datagram that fills b, all but checksums, and returns where they are.
func putUDP(b []byte, from, to Endpoint, vlan int) (l offsets, err error) {
	src, err := mac(from.MAC)
	if err != nil {
		return l, err
	}
	dst, err := mac(to.MAC)
	if err != nil {
		return l, err
	}
	six := from.Address.Is6()
	network := uint16(wire.TypeIPv4)
	if six {
		network = wire.TypeIPv6
	}
	l.l3 = wire.EthernetSize
	if vlan > 0 {
		wire.PutEthernet(b, dst, src, wire.TypeVLAN)
		binary.BigEndian.PutUint16(b[wire.EthernetSize:], uint16(vlan))
		binary.BigEndian.PutUint16(b[wire.EthernetSize+2:], network)
		l.l3 += wire.VLANTagSize
	} else {
		wire.PutEthernet(b, dst, src, network)
	}
	l.l4 = l.l3 + putIP(b[l.l3:], from, to)
	udp := b[l.l4:]
	binary.BigEndian.PutUint16(udp, from.Port)
	binary.BigEndian.PutUint16(udp[2:], to.Port)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	clear(udp[6:8])
	return l, nil
}

// putIP writes the header of an IP packet that fills b and returns its size. IPv4 packets are atomic (RFC 6864).
func putIP(b []byte, from, to Endpoint) (size int) {
	if from.Address.Is6() {
		binary.BigEndian.PutUint32(b, 6<<28)
		binary.BigEndian.PutUint16(b[wire.IPv6Length:], uint16(len(b)-wire.IPv6Size))
		b[wire.IPv6Next], b[wire.IPv6HopLimit] = wire.ProtoUDP, wire.DefaultTTL
		copy(b[wire.IPv6Src:], from.Address.AsSlice())
		copy(b[wire.IPv6Dst:], to.Address.AsSlice())
		return wire.IPv6Size
	}
	clear(b[:wire.IPv4Size])
	b[0], b[wire.IPv4TTL], b[wire.IPv4Protocol] = 0x45, wire.DefaultTTL, wire.ProtoUDP
	binary.BigEndian.PutUint16(b[wire.IPv4Length:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[wire.IPv4Fragment:], wire.IPv4DontFragment)
	copy(b[wire.IPv4Src:], from.Address.AsSlice())
	copy(b[wire.IPv4Dst:], to.Address.AsSlice())
	return wire.IPv4Size
}

func mac(text string) (m [6]byte, err error) {
	a, err := net.ParseMAC(text)
	if err != nil || len(a) != len(m) {
		return m, fmt.Errorf("MAC address %q, want one such as 02:00:00:00:00:01", text)
	}
	return [6]byte(a), nil
}

// pseudo returns the sum of the pseudo-header of the datagram at l4 (RFC 768, RFC 8200 section 8.1).
func pseudo(b []byte, l offsets, six bool) uint32 {
	size := len(b) - l.l4
	if six {
		return wire.PseudoIPv6(b[l.l3:], wire.ProtoUDP, size)
	}
	return wire.PseudoIPv4(b[l.l3:], wire.ProtoUDP, size)
}
