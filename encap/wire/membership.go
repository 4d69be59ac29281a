package wire

import "encoding/binary"

// Types of IGMP messages (RFC 1112 appendix I, RFC 2236 section 2.1, RFC 3376 section 4).
const (
	IGMPQuery    = 0x11
	IGMPv1Report = 0x12
	IGMPv2Report = 0x16
	IGMPLeave    = 0x17
	IGMPv3Report = 0x22
)

// Types of MLD messages, which are ICMPv6's (RFC 2710 section 3.1, RFC 3810 section 5).
const (
	MLDQuery    = 130
	MLDReport   = 131
	MLDDone     = 132
	MLDv2Report = 143
)

// Sizes in bytes of the messages that name one group, and of what is in front of the records and of a
// record's own header in those that have records.
const (
	igmpSize        = 8
	mldSize         = 24
	recordsOff      = 8
	igmpRecordSize  = 8
	mldRecordSize   = 20
	recordCountOff  = 6
	recordSourceOff = 2
)

// Kinds of records (RFC 3376 section 4.2.12, RFC 3810 section 5.2.12).
const (
	recordIsInclude = 1
	recordToInclude = 3
	recordBlock     = 6 // the last that is defined
)

// A Membership is an IGMP or MLD message: a router's query, or what a host says of the groups it listens to.
type Membership struct {
	Type uint8 // one of the IGMP or, with V6, of the MLD constants
	V6   bool
	// Anonymous: the source address is 0.0.0.0 or ::.
	Anonymous bool

	body    []byte // what is left of the groups; of a query the message
	records int    // that are left; -1: one group without a record
}

// ParseMembership finds the message in an Ethernet frame, whatever VLAN tags it has. ok is false if there is
// none, or not one that counts: other types, fragments, less than the IP header or the message itself
// promises, a wrong checksum. The message aliases pkt.
func ParseMembership(pkt []byte) (m Membership, ok bool) {
	l3, typ := behindTags(pkt)
	l4 := 0
	switch {
	case typ == TypeIPv4 && len(pkt) > l3:
		l4 = l3 + int(pkt[l3]&0x0f)*4
	case typ == TypeIPv6:
		l4 = behindExtensions(pkt, l3)
	}
	t, ok := transport(pkt, l3, l4)
	if !ok || t.part || t.routed || t.v6 != (typ == TypeIPv6) || t.size < igmpSize || t.size > len(pkt)-l4 {
		return m, false
	}
	msg := pkt[l4 : l4+t.size]
	m.Type, m.V6 = msg[0], t.v6
	sum := uint32(0)
	switch {
	case t.v6 && t.proto == ProtoICMPv6:
		m.Anonymous = [16]byte(pkt[l3+IPv6Src:]) == [16]byte{}
		sum = t.pseudo(pkt, l3)
	case !t.v6 && t.proto == ProtoIGMP:
		m.Anonymous = [4]byte(pkt[l3+IPv4Src:]) == [4]byte{}
	default:
		return m, false
	}
	return m, Fold(Sum(msg, sum)) == 0xffff && m.open(msg)
}

// behindTags returns where the network header of a frame is, and its type.
func behindTags(pkt []byte) (off int, typ uint16) {
	for off = EthType; len(pkt) >= off+2; off += VLANTagSize {
		typ = binary.BigEndian.Uint16(pkt[off:])
		if typ != TypeVLAN && typ != TypeSVLAN {
			return off + 2, typ
		}
	}
	return 0, 0
}

// behindExtensions returns where the extension headers of the IPv6 packet at l3 end, 0 if they do not.
func behindExtensions(pkt []byte, l3 int) int {
	if len(pkt) < l3+IPv6Size {
		return 0
	}
	next, off := pkt[l3+IPv6Next], l3+IPv6Size
	for next == ProtoHopOpts || next == ProtoDstOpts || next == ProtoRouting {
		if len(pkt) < off+2 {
			return 0
		}
		next, off = pkt[off], off+(int(pkt[off+1])+1)*8
	}
	return off
}

// open finds the groups in a message and reports whether it is one, and all of it there.
func (m *Membership) open(msg []byte) bool {
	single := igmpSize
	if m.V6 {
		single = mldSize
	}
	switch {
	case m.V6 && m.Type == MLDv2Report, !m.V6 && m.Type == IGMPv3Report:
		m.body, m.records = msg[recordsOff:], int(binary.BigEndian.Uint16(msg[recordCountOff:]))
		return m.whole()
	case m.V6 && (m.Type == MLDReport || m.Type == MLDDone),
		!m.V6 && (m.Type == IGMPv1Report || m.Type == IGMPv2Report || m.Type == IGMPLeave):
		if len(msg) < single {
			return false
		}
		m.body, m.records = msg[single-m.addressSize():], -1
		return true
	case m.V6 && m.Type == MLDQuery, !m.V6 && m.Type == IGMPQuery:
		m.body = msg
		return len(msg) >= single
	}
	return false
}

// whole reports whether all records are there.
func (m *Membership) whole() bool {
	rest := *m
	for rest.records > 0 {
		if !rest.skip() {
			return false
		}
	}
	return true
}

// skip goes on to the next record and reports whether this one is there in full.
func (m *Membership) skip() bool {
	header := igmpRecordSize
	if m.V6 {
		header = mldRecordSize
	}
	if len(m.body) < header {
		return false
	}
	size := header + int(binary.BigEndian.Uint16(m.body[recordSourceOff:]))*m.addressSize() + int(m.body[1])*4
	if len(m.body) < size {
		return false
	}
	m.body = m.body[size:]
	m.records--
	return true
}

func (m *Membership) addressSize() int {
	if m.V6 {
		return 16
	}
	return 4
}

// Next returns the next group that a report is about, an IPv4 one as an IPv6 address (::ffff:239.1.1.1),
// and whether the sender no longer listens to it. Records of unknown kinds are passed over. ok is false
// behind the last. A query has none.
func (m *Membership) Next() (group [16]byte, leaves, ok bool) {
	if m.records < 0 {
		m.records = 0
		return m.address(m.body), m.V6 && m.Type == MLDDone || !m.V6 && m.Type == IGMPLeave, true
	}
	for m.records > 0 {
		r := m.body
		m.skip()
		kind, sources := r[0], binary.BigEndian.Uint16(r[recordSourceOff:])
		if kind >= recordIsInclude && kind <= recordBlock {
			// To include nobody is to leave.
			leaves = sources == 0 && (kind == recordIsInclude || kind == recordToInclude)
			return m.address(r[4:]), leaves, true
		}
	}
	return group, false, false
}

func (m *Membership) address(b []byte) (a [16]byte) {
	if m.V6 {
		return [16]byte(b)
	}
	return MappedIPv4([4]byte(b))
}

// MappedIPv4 returns an IPv4 address as an IPv6 one (RFC 4291 section 2.5.5.2).
func MappedIPv4(v4 [4]byte) (a [16]byte) {
	a[10], a[11] = 0xff, 0xff
	copy(a[12:], v4[:])
	return a
}
