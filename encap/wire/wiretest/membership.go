// Package wiretest makes frames as hosts and routers send them, for the tests of whoever reads them.
package wiretest

import (
	"encoding/binary"
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
)

// A Host sends frames.
type Host struct {
	MAC  [6]byte
	Addr netip.Addr // IPv4: it sends IGMP; IPv6: MLD
	Tag  uint16     // TCI of an 802.1Q tag; 0: none
}

// A Record is one entry of an IGMPv3 or MLDv2 report.
type Record struct {
	Kind    uint8
	Group   netip.Addr
	Sources []netip.Addr
	Aux     []byte // a multiple of 4 bytes
}

// Membership returns an IGMP or MLD message of a type, to where hosts and routers send those: about one group,
// the first record's, or with all records where the type has them. IPv4 packets have the option "router
// alert", IPv6 ones that in a hop-by-hop header (RFC 2113, RFC 2711).
func (h Host) Membership(typ uint8, records ...Record) []byte {
	group := h.Addr // of the right family; its value is replaced
	if len(records) > 0 {
		group = records[0].Group
	}
	msg := h.message(typ, group, records)
	if h.Addr.Is4() {
		dst := map[uint8]netip.Addr{
			wire.IGMPQuery: netip.MustParseAddr("224.0.0.1"), wire.IGMPLeave: netip.MustParseAddr("224.0.0.2"),
			wire.IGMPv3Report: netip.MustParseAddr("224.0.0.22"),
		}[typ]
		if !dst.IsValid() {
			dst = group
		}
		binary.BigEndian.PutUint16(msg[2:], wire.Checksum(msg))
		return h.IPv4(dst, wire.ProtoIGMP, []byte{0x94, 4, 0, 0}, msg)
	}
	dst := map[uint8]netip.Addr{
		wire.MLDQuery: netip.MustParseAddr("ff02::1"), wire.MLDDone: netip.MustParseAddr("ff02::2"),
		wire.MLDv2Report: netip.MustParseAddr("ff02::16"),
	}[typ]
	if !dst.IsValid() {
		dst = group
	}
	pseudo := append(append([]byte{}, h.Addr.AsSlice()...), dst.AsSlice()...)
	pseudo = append(binary.BigEndian.AppendUint32(pseudo, uint32(len(msg))), 0, 0, 0, wire.ProtoICMPv6)
	binary.BigEndian.PutUint16(msg[2:], ^wire.Fold(wire.Sum(msg, wire.Sum(pseudo, 0))))
	return h.IPv6(dst, wire.ProtoHopOpts, append([]byte{wire.ProtoICMPv6, 0, 5, 2, 0, 0, 1, 0}, msg...))
}

// message returns the message without its checksum.
func (h Host) message(typ uint8, group netip.Addr, records []Record) []byte {
	v4 := h.Addr.Is4()
	msg := make([]byte, 8)
	msg[0] = typ
	switch {
	case v4 && typ == wire.IGMPv3Report, !v4 && typ == wire.MLDv2Report:
		binary.BigEndian.PutUint16(msg[6:], uint16(len(records)))
		for _, r := range records {
			msg = append(msg, r.Kind, uint8(len(r.Aux)/4))
			msg = binary.BigEndian.AppendUint16(msg, uint16(len(r.Sources)))
			msg = append(msg, r.Group.AsSlice()...)
			for _, s := range r.Sources {
				msg = append(msg, s.AsSlice()...)
			}
			msg = append(msg, r.Aux...)
		}
	case len(records) == 0: // a general query
		if !v4 {
			msg = append(msg, make([]byte, 16)...)
		}
	case v4:
		copy(msg[4:], group.AsSlice())
	default:
		msg = append(msg, group.AsSlice()...)
	}
	return msg
}

// IPv4 returns a frame with an IPv4 packet; options are a multiple of 4 bytes.
func (h Host) IPv4(dst netip.Addr, proto uint8, options, body []byte) []byte {
	ip := make([]byte, wire.IPv4Size, wire.IPv4Size+len(options)+len(body))
	ip[0] = 0x45 + uint8(len(options)/4)
	binary.BigEndian.PutUint16(ip[wire.IPv4Length:], uint16(len(ip)+len(options)+len(body)))
	ip[wire.IPv4TTL], ip[wire.IPv4Protocol] = 1, proto
	copy(ip[wire.IPv4Src:], h.Addr.AsSlice())
	copy(ip[wire.IPv4Dst:], dst.AsSlice())
	ip = append(ip, options...)
	binary.BigEndian.PutUint16(ip[wire.IPv4Checksum:], wire.Checksum(ip))
	return append(h.ethernet(dst, wire.TypeIPv4), append(ip, body...)...)
}

// IPv6 returns a frame with an IPv6 packet.
func (h Host) IPv6(dst netip.Addr, next uint8, body []byte) []byte {
	ip := make([]byte, wire.IPv6Size, wire.IPv6Size+len(body))
	ip[0] = 0x60
	binary.BigEndian.PutUint16(ip[wire.IPv6Length:], uint16(len(body)))
	ip[wire.IPv6Next], ip[wire.IPv6HopLimit] = next, 1
	copy(ip[wire.IPv6Src:], h.Addr.AsSlice())
	copy(ip[wire.IPv6Dst:], dst.AsSlice())
	return append(h.ethernet(dst, wire.TypeIPv6), append(ip, body...)...)
}

// ethernet returns the header of a frame for a group (RFC 1112 section 6.4, RFC 2464 section 7).
func (h Host) ethernet(dst netip.Addr, typ uint16) []byte {
	a := dst.AsSlice()
	b := []byte{0x01, 0x00, 0x5e}
	if dst.Is4() {
		b = append(b, a[1]&0x7f, a[2], a[3])
	} else {
		b = append([]byte{0x33, 0x33}, a[12:]...)
	}
	b = append(b, h.MAC[:]...)
	if h.Tag != 0 {
		b = binary.BigEndian.AppendUint16(b, wire.TypeVLAN)
		b = binary.BigEndian.AppendUint16(b, h.Tag)
	}
	return binary.BigEndian.AppendUint16(b, typ)
}
