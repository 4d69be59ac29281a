package wire

import "encoding/binary"

// ipv4Header returns the IPv4 header at l3, without options. ok is false when there is none or it is
// cut short. l3 is 0 when there is no network header.
func ipv4Header(pkt []byte, l3 int) (h *[IPv4Size]byte, ok bool) {
	if l3 <= 0 || len(pkt)-l3 < IPv4Size || pkt[l3]>>4 != 4 {
		return nil, false
	}
	return (*[IPv4Size]byte)(pkt[l3:]), true
}

// ipv6Header is the same for IPv6.
func ipv6Header(pkt []byte, l3 int) (h *[IPv6Size]byte, ok bool) {
	if l3 <= 0 || len(pkt)-l3 < IPv6Size || pkt[l3]>>4 != 6 {
		return nil, false
	}
	return (*[IPv6Size]byte)(pkt[l3:]), true
}

// SetIPv4Addr sets an address of the IPv4 packet at l3, the one at offset at of its header: IPv4Src or
// IPv4Dst. The checksums of the header and of TCP or UDP at l4 follow; l4 is 0 for later fragments,
// which have none.
func SetIPv4Addr(pkt []byte, l3, l4, at int, addr uint32) {
	h, ok := ipv4Header(pkt, l3)
	if !ok {
		return
	}
	old := binary.BigEndian.Uint32(h[at:])
	if old == addr {
		return
	}
	binary.BigEndian.PutUint32(h[at:], addr)
	check := binary.BigEndian.Uint16(h[IPv4Checksum:])
	binary.BigEndian.PutUint16(h[IPv4Checksum:], Update32(check, old, addr))
	if t, ok := transport(pkt, l3, l4); ok {
		if field, ok := t.checksum(pkt); ok {
			t.putChecksum(field, Update32(binary.BigEndian.Uint16(field), old, addr))
		}
	}
}

// SetIPv6Addr sets an address of the IPv6 packet at l3, the one at offset at of its header: IPv6Src or
// IPv6Dst. The checksum of TCP, UDP or ICMPv6 at l4 follows, except for a destination under a routing
// header, which the checksum does not cover (RFC 8200 section 8.1).
func SetIPv6Addr(pkt []byte, l3, l4, at int, addr *[16]byte) {
	h, ok := ipv6Header(pkt, l3)
	if !ok {
		return
	}
	field := (*[16]byte)(h[at:])
	old := *field
	*field = *addr
	t, ok := transport(pkt, l3, l4)
	if !ok || t.routed && at == IPv6Dst {
		return
	}
	if field, ok := t.checksum(pkt); ok {
		t.putChecksum(field, Update128(binary.BigEndian.Uint16(field), &old, addr))
	}
}

// SetTOS sets the bits in mask of the type of service of the IPv4 packet, or of the traffic class of the
// IPv6 packet, at l3: DSCP is 0xfc, ECN 0x03.
func SetTOS(pkt []byte, l3 int, tos, mask uint8) {
	if h, ok := ipv4Header(pkt, l3); ok {
		set16(h, IPv4TOS-1, uint16(tos&mask), uint16(mask))
	} else if h, ok := ipv6Header(pkt, l3); ok {
		v := binary.BigEndian.Uint16(h[:])
		m := uint16(mask) << 4
		binary.BigEndian.PutUint16(h[:], v&^m|uint16(tos)<<4&m)
	}
}

// SetTTL sets the bits in mask of the time to live of the IPv4 packet, or of the hop limit of the IPv6 packet,
// at l3.
func SetTTL(pkt []byte, l3 int, ttl, mask uint8) {
	ttl &= mask
	if h, ok := ipv4Header(pkt, l3); ok {
		set16(h, IPv4TTL, uint16(ttl)<<8, uint16(mask)<<8)
	} else if h, ok := ipv6Header(pkt, l3); ok {
		h[IPv6HopLimit] = h[IPv6HopLimit]&^mask | ttl
	}
}

// SetIPv6Label sets the flow label, 20 bits, of the IPv6 packet at l3.
func SetIPv6Label(pkt []byte, l3 int, label uint32) {
	if h, ok := ipv6Header(pkt, l3); ok {
		const mask = 1<<20 - 1
		v := binary.BigEndian.Uint32(h[:])
		binary.BigEndian.PutUint32(h[:], v&^mask|label&mask)
	}
}

// set16 sets the bits in mask of the 16-bit word at off of an IPv4 header and updates its checksum.
func set16(h *[IPv4Size]byte, off int, v, mask uint16) {
	old := binary.BigEndian.Uint16(h[off:])
	v |= old &^ mask
	binary.BigEndian.PutUint16(h[off:], v)
	check := binary.BigEndian.Uint16(h[IPv4Checksum:])
	binary.BigEndian.PutUint16(h[IPv4Checksum:], Update16(check, old, v))
}
