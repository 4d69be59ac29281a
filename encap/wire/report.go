package wire

import (
	"encoding/binary"
	"net/netip"
)

// A Listening is what a host says of a group that it listens to, from whomever packets to it come, or does no more. The
// values are those of records (RFC 3376 section 4.2.12, RFC 3810 section 5.2.12).
type Listening uint8

// Values of Listening.
const (
	Listens Listening = 2 // as an answer to a query
	Leaves  Listening = 3
	Joins   Listening = 4
)

// Groups that hosts speak to about groups (RFC 3376 sections 4.2.14, RFC 2236 section 9, RFC 3810 section 5.2.14, RFC
// 2710 section 5).
var (
	igmpRouters  = netip.AddrFrom4([4]byte{224, 0, 0, 22})
	allRouters4  = netip.AddrFrom4([4]byte{224, 0, 0, 2})
	mldv2Routers = netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 0x16})
	allRouters6  = netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 2})
)

// NewReport returns an Ethernet frame by which a host says what l of a group, to routers of a version (Query.Version).
// src is its address, of the group's family; with IPv6 its link-local one. nil: the version has no words for that.
func NewReport(srcMAC [6]byte, src, group netip.Addr, l Listening, version uint8) []byte {
	if group.Is4() {
		return newIGMP(srcMAC, src, group, l, version)
	}
	return newMLD(srcMAC, src, group, l, version)
}

func newIGMP(srcMAC [6]byte, src, group netip.Addr, l Listening, version uint8) []byte {
	var m []byte
	dst := group
	switch {
	case version >= 3:
		m = append([]byte{IGMPv3Report, 0, 0, 0, 0, 0, 0, 1, byte(l), 0, 0, 0}, group.AsSlice()...)
		dst = igmpRouters
	case l == Leaves && version == 1:
		return nil
	case l == Leaves:
		m = append([]byte{IGMPLeave, 0, 0, 0}, group.AsSlice()...)
		dst = allRouters4
	case version == 1:
		m = append([]byte{IGMPv1Report, 0, 0, 0}, group.AsSlice()...)
	default:
		m = append([]byte{IGMPv2Report, 0, 0, 0}, group.AsSlice()...)
	}
	binary.BigEndian.PutUint16(m[2:], Checksum(m))
	alert := []byte{0x94, 4, 0, 0} // RFC 2113: routers are to look at it
	b := NewIP(GroupMAC(dst), srcMAC, src, dst, ProtoIGMP, len(alert)+len(m))
	h := b[EthernetSize:]
	h[0], h[IPv4TOS], h[IPv4TTL] = 0x46, 0xc0, 1 // RFC 3376 section 4
	copy(h[IPv4Size:], append(alert, m...))
	binary.BigEndian.PutUint16(h[IPv4Checksum:], 0)
	binary.BigEndian.PutUint16(h[IPv4Checksum:], Checksum(h[:IPv4Size+len(alert)]))
	return b
}

func newMLD(srcMAC [6]byte, src, group netip.Addr, l Listening, version uint8) []byte {
	var m []byte
	dst := group
	switch {
	case version >= 2:
		m = append([]byte{MLDv2Report, 0, 0, 0, 0, 0, 0, 1, byte(l), 0, 0, 0}, group.AsSlice()...)
		dst = mldv2Routers
	case l == Leaves:
		m = append([]byte{MLDDone, 0, 0, 0, 0, 0, 0, 0}, group.AsSlice()...)
		dst = allRouters6
	default:
		m = append([]byte{MLDReport, 0, 0, 0, 0, 0, 0, 0}, group.AsSlice()...)
	}
	alert := []byte{ProtoICMPv6, 0, 5, 2, 0, 0, 1, 0} // RFC 2711, and padding
	b := NewIP(GroupMAC(dst), srcMAC, src, dst, ProtoHopOpts, len(alert)+len(m))
	h := b[EthernetSize:]
	h[IPv6HopLimit] = 1 // RFC 3810 section 5
	copy(h[IPv6Size:], append(alert, m...))
	body := h[IPv6Size+len(alert):]
	binary.BigEndian.PutUint16(body[2:], ^Fold(Sum(body, PseudoIPv6(h, ProtoICMPv6, len(body)))))
	return b
}
