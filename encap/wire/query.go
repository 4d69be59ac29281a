package wire

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// A Query is what a router asks of those who listen to groups.
type Query struct {
	Group   netip.Addr    // the zero address: all groups
	Version uint8         // of IGMP, 1 to 3; of MLD, 1 or 2
	Within  time.Duration // the most that an answer may take
}

// Sizes in bytes and places that tell versions of queries apart (RFC 3376 sections 4.1 and 7.1, RFC 3810 sections 5.1
// and 8.1).
const (
	igmpv3Query = 12
	mldv2Query  = 28

	igmpTenth = 100 * time.Millisecond // unit of IGMP's times
)

// Query returns what a query asks.
func (m *Membership) Query() (q Query) {
	be := binary.BigEndian
	if m.V6 {
		q.Version, q.Within = 1, time.Duration(be.Uint16(m.body[4:]))*time.Millisecond
		if len(m.body) >= mldv2Query {
			q.Version, q.Within = 2, time.Duration(floating(uint32(be.Uint16(m.body[4:])), 12))*time.Millisecond
		}
		if g := netip.AddrFrom16([16]byte(m.body[8:])); !g.IsUnspecified() {
			q.Group = g
		}
		return q
	}
	q.Version, q.Within = 2, time.Duration(m.body[1])*igmpTenth
	switch {
	case len(m.body) >= igmpv3Query:
		q.Version, q.Within = 3, time.Duration(floating(uint32(m.body[1]), 4))*igmpTenth
	case m.body[1] == 0:
		q.Version, q.Within = 1, 100*igmpTenth
	}
	if g := netip.AddrFrom4([4]byte(m.body[4:])); !g.IsUnspecified() {
		q.Group = g
	}
	return q
}

// floating returns the number that a code stands for: itself, or with its highest bit set a mantissa of so many bits behind
// three of an exponent (RFC 3376 section 4.1.1, RFC 3810 section 5.1.3).
func floating(code uint32, mantissa int) uint32 {
	if code>>(mantissa+3) == 0 {
		return code
	}
	one := uint32(1) << mantissa
	return (code&(one-1) | one) << (code>>mantissa&7 + 3)
}
