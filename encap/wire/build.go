package wire

import (
	"encoding/binary"
	"net/netip"
)

// What a host puts into packets of its own.
const (
	MinFrame   = 60 // bytes without the check sum (IEEE 802.3, 3.2.7)
	DefaultTTL = 64 // RFC 1700, default time to live
)

// ARP operations (RFC 826).
const (
	ARPRequest = 1
	ARPReply   = 2
)

// Neighbour discovery (RFC 4861 section 4).
const (
	NDHopLimit  = 255 // what has come over a router is not neighbour discovery
	NDMessage   = 24  // bytes: ICMPv6 header, flags, target
	NDOption    = 8   // bytes of an option with an Ethernet address
	NDRouter    = 1 << 31
	NDSolicited = 1 << 30
	NDOverride  = 1 << 29
)

// Broadcast is the Ethernet address of all hosts.
var Broadcast = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// PutEthernet writes an Ethernet header to the start of b.
func PutEthernet(b []byte, dst, src [6]byte, typ uint16) {
	copy(b[EthDst:], dst[:])
	copy(b[EthSrc:], src[:])
	binary.BigEndian.PutUint16(b[EthType:], typ)
}

// NewARP returns an ARP packet from a host to dst. sha is the sender's Ethernet address, tha that of the target,
// zero in a request; spa and tpa are IPv4 addresses.
func NewARP(dst [6]byte, op uint16, sha [6]byte, spa netip.Addr, tha [6]byte, tpa netip.Addr) []byte {
	b := make([]byte, MinFrame)
	PutEthernet(b, dst, sha, TypeARP)
	arp := b[EthernetSize:]
	binary.BigEndian.PutUint64(arp, 1<<48|TypeIPv4<<32|6<<24|4<<16|uint64(op))
	copy(arp[ARPSHA:], sha[:])
	copy(arp[ARPSPA:], spa.AsSlice())
	copy(arp[ARPTHA:], tha[:])
	copy(arp[ARPTPA:], tpa.AsSlice())
	return b
}

// NewIP returns a packet with room for size bytes behind its IP header; addresses are of one family. The header is
// complete. One of IPv4 must not be fragmented on its way: so its identification, zero, may be that of others (RFC 6864
// section 4.1).
func NewIP(dstMAC, srcMAC [6]byte, src, dst netip.Addr, proto byte, size int) []byte {
	if src.Is4() {
		b := make([]byte, EthernetSize+IPv4Size+size)
		PutEthernet(b, dstMAC, srcMAC, TypeIPv4)
		h := b[EthernetSize:]
		h[0], h[IPv4TTL], h[IPv4Protocol] = 0x45, DefaultTTL, proto
		binary.BigEndian.PutUint16(h[IPv4Length:], uint16(IPv4Size+size))
		binary.BigEndian.PutUint16(h[IPv4Fragment:], IPv4DontFragment)
		copy(h[IPv4Src:], src.AsSlice())
		copy(h[IPv4Dst:], dst.AsSlice())
		binary.BigEndian.PutUint16(h[IPv4Checksum:], Checksum(h[:IPv4Size]))
		return b
	}
	b := make([]byte, EthernetSize+IPv6Size+size)
	PutEthernet(b, dstMAC, srcMAC, TypeIPv6)
	h := b[EthernetSize:]
	h[0], h[IPv6Next], h[IPv6HopLimit] = 0x60, proto, DefaultTTL
	binary.BigEndian.PutUint16(h[IPv6Length:], uint16(size))
	copy(h[IPv6Src:], src.AsSlice())
	copy(h[IPv6Dst:], dst.AsSlice())
	return b
}

// SumICMP sets the checksum of the ICMP or ICMPv6 message behind the IP header, without options or extension
// headers, of b, an Ethernet frame without tags.
func SumICMP(b []byte) {
	at, pseudo := EthernetSize+IPv4Size, uint32(0)
	if binary.BigEndian.Uint16(b[EthType:]) == TypeIPv6 {
		at = EthernetSize + IPv6Size
		pseudo = PseudoIPv6(b[EthernetSize:], ProtoICMPv6, len(b)-at)
	}
	sum := b[at+ICMPChecksum : at+ICMPChecksum+2]
	binary.BigEndian.PutUint16(sum, 0)
	binary.BigEndian.PutUint16(sum, ^Fold(Sum(b[at:], pseudo)))
}

// NewND returns a neighbour solicitation or advertisement, typ, with the sender's Ethernet address as its option.
// flags are the ND constants for those of an advertisement.
func NewND(dstMAC, srcMAC [6]byte, src, dst netip.Addr, typ byte, flags uint32, target netip.Addr) []byte {
	b := NewIP(dstMAC, srcMAC, src, dst, ProtoICMPv6, NDMessage+NDOption)
	b[EthernetSize+IPv6HopLimit] = NDHopLimit
	m := b[EthernetSize+IPv6Size:]
	m[ICMPType] = typ
	binary.BigEndian.PutUint32(m[4:], flags)
	copy(m[8:], target.AsSlice())
	m[NDMessage], m[NDMessage+1] = NDOptSourceLink, 1
	if typ == NDAdvert {
		m[NDMessage] = NDOptTargetLink
	}
	copy(m[NDMessage+2:], srcMAC[:])
	SumICMP(b)
	return b
}

// SolicitedNode returns the group that a host with the IPv6 address addr listens to (RFC 4291 section 2.7.1), and
// its Ethernet address.
func SolicitedNode(addr netip.Addr) (group netip.Addr, mac [6]byte) {
	a := addr.As16()
	group = netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 11: 1, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]})
	return group, GroupMAC(group)
}

// GroupMAC returns the Ethernet address of a multicast group (RFC 1112 section 6.4, RFC 2464 section 7).
func GroupMAC(group netip.Addr) [6]byte {
	if group.Is4() {
		a := group.As4()
		return [6]byte{0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}
	}
	a := group.As16()
	return [6]byte{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

// LinkLocal returns the link-local address that belongs to an Ethernet address (RFC 4291, appendix A).
func LinkLocal(mac [6]byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
}
