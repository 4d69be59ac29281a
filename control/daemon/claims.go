package daemon

import (
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/encap/vtep"
)

const (
	maxClaims = 16 // addresses of one guest
	// maxClaimQuestions is how many addresses of guests here are asked about at each look: as maxQuestions.
	maxClaimQuestions = 8
)

// A claim is an address in a virtual network.
type claim struct {
	vni uint32
	ip  netip.Addr
}

// question returns the one whose an address is.
func (c claim) question() vtep.Question { return vtep.ForIP(c.vni, c.ip) }

// Claims are about addresses that guests here say they have. An address may pass to a guest of another host, who says so there:
// when the directory has said for doubtTime that it is another guest's, that is believed. Who says here again that it is his,
// in a packet that came later, is announced anew.
type claims struct {
	owners  map[claim]guest // who said last that an address is his
	doubted map[claim]int64 // ns: when the directory began to say that it is another's
	unheard map[claim]bool  // announced, and the directory does not tell of changes yet
	heard   map[claim]bool  // the directory has said whose it is
}

func newClaims() claims {
	return claims{owners: make(map[claim]guest), doubted: make(map[claim]int64), unheard: make(map[claim]bool), heard: make(map[claim]bool)}
}

// open reports whether something is still to be found out about an address.
func (l *claims) open() bool { return len(l.doubted)+len(l.unheard) > 0 }

// end forgets whose an address is.
func (g *guests) end(c claim) {
	g.door.disown(c, g.owners[c])
	delete(g.claims.owners, c)
	delete(g.doubted, c)
	delete(g.unheard, c)
	delete(g.heard, c)
}

// hearOut hears what guests have said of addresses, and which they need not say that they have: nobody else here gets one of
// these by saying that it is his, also of those that are too many to be announced.
func (g *guests) hearOut(said []saying, own map[guest][]netip.Addr) {
	given := make(map[claim]bool)
	for who, addresses := range own {
		for i, ip := range addresses {
			what := claim{who.vni, ip}
			given[what] = true
			if i < maxClaims {
				g.claim(who, what)
			} else if owner, known := g.owners[what]; known && !slices.Contains(own[owner], ip) {
				g.disclaim(what)
			}
		}
	}
	for _, one := range said {
		who, what := one.who(), one.what()
		s := g.stays[who]
		if given[what] || s != nil && s.deaf(&one, g.owners[what] == who) {
			g.door.disown(what, who)
			continue
		}
		g.claim(who, what)
	}
}

// deaf reports whether it is not to be heard that a guest says that an address is its own, which it has already or not: it may be
// from before the address was found to be another's, and what is only said again makes it lose no other.
func (s *stay) deaf(one *saying, has bool) bool {
	return one.Used < s.passed || one.Again && !has && len(s.ips) == maxClaims
}

// claim gives an address to a guest, which says that it is its own.
func (g *guests) claim(who guest, what claim) {
	owner, known := g.owners[what]
	if known && owner == who {
		return
	}
	s := g.stay(who)
	if s == nil {
		g.door.disown(what, who) // it may say so again
		return
	}
	if known {
		g.disclaim(what)
	}
	if len(s.ips) == maxClaims {
		g.disclaim(claim{who.vni, s.ips[0]})
	}
	s.ips = append(s.ips, what.ip)
	g.owners[what] = who
	g.news = true
}

// disclaim takes an address from the guest that has said that it has it. Others are told that it has it no more.
func (g *guests) disclaim(c claim) {
	s := g.stays[g.owners[c]]
	g.end(c)
	i := slices.Index(s.ips, c.ip)
	s.ips = slices.Delete(s.ips, i, i+1)
	if i < s.told {
		s.told--
		s.lost = append(s.lost, c.ip)
		g.news = true
	}
}

// announced has the directory tell whose the addresses of a guest are that it was told of, and whenever that changes.
func (g *guests) announced(who guest, addresses []netip.Addr, d *vtep.Directory, now int64) {
	if !d.Announces() {
		return
	}
	for _, ip := range addresses {
		c := claim{who.vni, ip}
		g.unheard[c] = true
		if _, doubted := g.doubted[c]; doubted {
			g.doubted[c] = now
		}
	}
}

// disclaimPassed takes from a guest that comes back the addresses that the directory knows to be another's by now, unless it
// has said since it left that they are its own.
func (g *guests) disclaimPassed(who guest, s *stay, d *vtep.Directory, now int64) {
	for _, ip := range slices.Clone(s.ips) {
		c := claim{who.vni, ip}
		if g.door.spoke(c, who) > s.left {
			continue
		}
		if r := d.Ask(c.question(), false); r.State == vtep.Known && r.Answer.MAC != who.mac {
			s.passed = now
			g.disclaim(c)
		}
	}
}

// hearClaims asks about some of the addresses that were not asked about yet, and takes those from guests that the directory has
// said for long enough to be another's. Those that are somebody's by configuration are left out.
func (g *guests) hearClaims(own map[guest][]netip.Addr, d *vtep.Directory, now int64) {
	asked := 0
	for c := range g.unheard {
		if asked++; asked > maxClaimQuestions {
			break
		}
		r := d.Ask(c.question(), true)
		if r.State == vtep.Refused {
			break
		}
		delete(g.unheard, c)
		g.hearClaim(c, r, now)
	}
	for c, since := range g.doubted {
		switch {
		case slices.Contains(own[g.owners[c]], c.ip):
			delete(g.doubted, c)
		case now-since >= int64(doubtTime) && d.Status().Look.Up:
			g.stays[g.owners[c]].passed = now
			g.disclaim(c)
		}
	}
}

// hearClaim notes whose an address of a guest here is, as the directory has it.
func (g *guests) hearClaim(c claim, r vtep.Result, now int64) {
	owner, known := g.owners[c]
	_, doubted := g.doubted[c]
	switch {
	case !known || !g.stays[owner].here:
	case r.State == vtep.Known && r.Answer.MAC != owner.mac:
		if g.heard[c] = true; !doubted {
			g.doubted[c] = now
		}
	case r.State == vtep.Known:
		g.heard[c] = true
		delete(g.doubted, c)
	case r.State == vtep.Unknown && g.heard[c]: // forgotten, or withdrawn as no good any more
		delete(g.heard, c)
		g.unheard[c] = true
	}
}
