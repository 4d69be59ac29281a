package underlay

import (
	"math/rand/v2"
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
)

// A spokenTo is the version that routers on a link understand, if it is not the latest.
type spokenTo struct {
	version uint8
	until   int64 // ns
}

// query takes in an IGMP or MLD message: a router's query is answered within the time that it gives, for each group at a
// random one (RFC 3376 section 5.2, RFC 3810 section 6.2). One that asks for some senders' packets is answered like any:
// we want all of them.
func (s *Stack) query(p *heard) {
	m, ok := wire.ParseMembership(p.pkt)
	switch {
	case !ok:
		s.tally.malformed.Add(1)
		return
	case m.Type != wire.IGMPQuery && !m.V6, m.Type != wire.MLDQuery && m.V6:
		s.tally.ignored.Add(1) // what other hosts listen to
		return
	case m.V6 && !mldSender(p.pkt[p.at:]):
		s.tally.strange.Add(1)
		return
	}
	q := m.Query()
	if !q.Group.IsValid() {
		p.heardRouter(&q, m.V6)
	}
	for i := range s.listenings {
		l := &s.listenings[i]
		if l.link != p.index || l.group.Is6() != m.V6 || q.Group.IsValid() && q.Group != l.group {
			continue
		}
		if at := p.now + 1 + rand.Int64N(int64(q.Within)+1); l.asked == 0 || at < l.asked {
			l.asked = at
		}
	}
}

// mldSender reports whether an IPv6 packet can be an MLD router's: it comes from the link (RFC 3810 section 5.1.14).
func mldSender(h []byte) bool {
	return h[wire.IPv6HopLimit] == 1 && netip.AddrFrom16([16]byte(h[wire.IPv6Src:])).IsLinkLocalUnicast()
}

// heardRouter notes which version a router on the link speaks, the oldest one of several (RFC 3376 section 7.2.1, RFC 3810
// section 8.2.1).
func (p *heard) heardRouter(q *wire.Query, v6 bool) {
	latest, old := uint8(3), &p.oldRouter[0]
	if v6 {
		latest, old = 2, &p.oldRouter[1]
	}
	if q.Version < latest && (q.Version <= old.version || p.now >= old.until) {
		*old = spokenTo{q.Version, p.now + int64(oldRouter)}
	}
}
