package storm

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
)

// Packets are IPv4 and UDP in untagged Ethernet frames of the least size: 64 bytes on a wire, of which 4
// are the frame check sequence that memory ports do not carry.
const (
	size = 60 // bytes

	atSrcMAC = 6
	atIP     = 14
	atIPSum  = atIP + 10
	atSrcIP  = atIP + 12
	atUDP    = atIP + 20
)

// A host is one end of a packet: number n has the address 02:00:00:00:00:n and 10.0.0.n.
type host byte

// template returns a packet from one host to another, UDP port 1000 to port 2000, without UDP checksum
// (RFC 768: 0 is none).
func template(from, to host) (p [size]byte) {
	copy(p[:], []byte{2, 0, 0, 0, 0, byte(to), 2, 0, 0, 0, 0, byte(from), 0x08, 0x00})
	ip := p[atIP:]
	ip[0] = 0x45 // version 4, header of 5 words
	binary.BigEndian.PutUint16(ip[2:], size-atIP)
	ip[8], ip[9] = 64, 17 // TTL, UDP
	copy(ip[12:], []byte{10, 0, 0, byte(from), 10, 0, 0, byte(to)})
	sumIP(p[:])
	udp := p[atUDP:]
	binary.BigEndian.PutUint16(udp, 1000)
	binary.BigEndian.PutUint16(udp[2:], 2000)
	binary.BigEndian.PutUint16(udp[4:], size-atUDP)
	return p
}

// sumIP fills in the checksum of the IPv4 header.
func sumIP(p []byte) {
	binary.BigEndian.PutUint16(p[atIPSum:], 0)
	binary.BigEndian.PutUint16(p[atIPSum:], wire.Checksum(p[atIP:atUDP]))
}

// belong makes p a packet of the established flow i, by its UDP source port.
func belong(p []byte, i int) { binary.BigEndian.PutUint16(p[atUDP:], uint16(1000+i)) }

// renew makes p a packet of a flow that no n before made. Flows differ in the low bits of several
// fields at once, as those of a scan do.
func renew(p []byte, k Kind, n uint32) {
	if k == MACs {
		p[atSrcMAC] = 0x06 // not one of a host
		binary.BigEndian.PutUint32(p[atSrcMAC+2:], n)
		return
	}
	binary.BigEndian.PutUint16(p[atSrcIP+2:], 0x8000|uint16(n>>8))
	binary.BigEndian.PutUint32(p[atUDP:], n) // both ports
	sumIP(p)
}
