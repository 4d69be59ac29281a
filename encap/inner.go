package encap

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
)

// network returns where the network header of the Ethernet frame at off begins, behind up to two VLAN tags, and its
// EtherType; 0 and 0 when the frame is cut off or has more tags.
func network(pkt []byte, off int) (l3 int, typ uint16) {
	l3 = off + wire.EthernetSize
	for range 3 {
		if len(pkt) < l3 {
			return 0, 0
		}
		typ = binary.BigEndian.Uint16(pkt[l3-2:])
		if typ != wire.TypeVLAN && typ != wire.TypeSVLAN {
			return l3, typ
		}
		l3 += wire.VLANTagSize
	}
	return 0, 0
}

// tosOf returns type of service and TTL of the packet with its network header at l3; ok is false when it is neither
// IPv4 nor IPv6, or cut off. l3 is 0 when there is no network header.
func tosOf(pkt []byte, l3 int) (tos, ttl uint8, ok bool) {
	if l3 < wire.EthernetSize || len(pkt) < l3+wire.IPv4Size {
		return 0, 0, false
	}
	h := pkt[l3:]
	switch binary.BigEndian.Uint16(pkt[l3-2:]) {
	case wire.TypeIPv4:
		return h[wire.IPv4TOS], h[wire.IPv4TTL], h[0]>>4 == 4
	case wire.TypeIPv6:
		return h[0]<<4 | h[1]>>4, h[wire.IPv6HopLimit], h[0]>>4 == 6
	}
	return 0, 0, false
}

// Parts of the four bytes from the EtherType of an IP packet on: type, version and, of IPv4, header length; of IPv4 type of
// service, of IPv6 a half of it. What the first mask leaves of an IPv4 packet without a congestion mark is unmarked4.
const (
	markMask4 = 0xfffff000 | ecnMask
	unmarked4 = wire.TypeIPv4<<16 | 4<<12
	markMask6 = 0xfffff000 | ecnMask<<4
	unmarked6 = wire.TypeIPv6<<16 | 6<<12
)

// unmarked reports whether pkt is for certain an IP packet, with its header at l3, that says nothing of congestion.
func unmarked(pkt []byte, l3 int) bool {
	if l3 < wire.EthernetSize || len(pkt) < l3+wire.IPv4Size {
		return false
	}
	w := binary.BigEndian.Uint32(pkt[l3-2:])
	return w&markMask4 == unmarked4 || w&markMask6 == unmarked6
}

// complete completes the TCP or UDP checksum of frame i's inner packet, if its sender has left that to others.
func (x *Popper) complete(i int) bool {
	f := x.frames[i]
	pkt := x.pool.Bytes(f)
	l3, typ := network(pkt, int(x.arrivals[i].inner))
	switch {
	case typ == wire.TypeIPv4 && len(pkt) > l3:
		return wire.CompleteChecksum(x.pool, f, l3, l3+int(pkt[l3]&0x0f)*4)
	case typ == wire.TypeIPv6:
		return wire.CompleteChecksum(x.pool, f, l3, l3+wire.IPv6Size)
	}
	return false
}
