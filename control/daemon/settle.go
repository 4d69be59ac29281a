package daemon

import "github.com/culvertdev/culvert/encap/vtep"

// settle notes who is here, and tells d what is new. A guest that says nothing for long is forgotten by its bridge, and is
// still here: until it is seen elsewhere, d knows it to be elsewhere, or its port has gone. It returns those that d knows to be
// elsewhere since the last call.
func (g *guests) settle(seen *sightings, d *vtep.Directory, now int64) (left []departure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fresh, said := g.door.take()
	silent := newPlaces(maxSilent)
	seen.enter(fresh, now, &silent)
	g.hearOut(said, seen.own)
	g.hearClaims(seen.own, d, now)
	for who, s := range g.stays { // before others are announced with these addresses
		s.release(who, d)
	}
	g.news = false
	gone := g.quietest(seen, now)
	for who, s := range g.stays {
		if _, ok := seen.here[who]; ok {
			continue
		}
		if s.here && !gone[who] && silent.has(s.at.port) {
			remains, elsewhere := s.remains(who, seen, d, now)
			if remains {
				silent.add(s.at.port)
				g.news = g.news || elsewhere // later it counts
				g.tell(who, s, s.at, d, now)
				continue
			}
			if elsewhere {
				left = append(left, departure{who.mac, s.at.port})
			}
		}
		if s.here {
			s.withdraw(who, s.told, d)
			s.here, s.told, s.since, s.left = false, 0, now, now
			g.door.left(who, now)
			g.trust(who)
		}
		if s.since == 0 {
			s.since = now
		}
		if now-s.since > int64(stayed) {
			g.drop(who, s)
		}
	}
	g.makeRoom()
	for who, at := range seen.here {
		if s := g.stay(who); s != nil {
			if !s.here {
				g.disclaimPassed(who, s, d, now)
			}
			g.tell(who, s, at, d, now)
		}
	}
	g.door.done(fresh, silent)
	g.askSome(d, now)
	return left
}

// tell tells d that a guest is here, as far as it has not been told, and what may be doubted of that by now.
func (g *guests) tell(who guest, s *stay, at place, d *vtep.Directory, now int64) {
	before := s.told
	if !s.here || s.at != at {
		g.door.came(who, at.port, at.since)
	}
	if s.announce(who, at, d) {
		before = 0
		s.asserted = now
		g.wonder(who, d, now)
	}
	g.announced(who, s.ips[before:], d, now)
}

// remains reports whether a guest that its bridge does not know any more is still here. d may know it to be elsewhere: that does
// not count so soon after it was told otherwise.
func (s *stay) remains(who guest, seen *sightings, d *vtep.Directory, now int64) (is, elsewhere bool) {
	elsewhere = s.elsewhere(d.Ask(who.question(), false))
	early := now-s.asserted < int64(doubtTime)
	return seen.up[s.at.port] && !seen.away[who] && (!elsewhere || early), elsewhere
}

// A departure is a guest that is elsewhere now, and the datapath port that it was at.
type departure struct {
	mac  [6]byte
	port uint32
}

// question returns the one where a guest is.
func (g guest) question() vtep.Question { return vtep.ForMAC(g.vni, g.mac) }

// elsewhere reports whether the answer to the question where the guest is says that it is not here.
func (s *stay) elsewhere(r vtep.Result) bool {
	return r.State == vtep.Known && !r.Flooded && r.Answer.Ends[0].Addr != s.at.end.Addr
}

// release tells d which addresses a guest has no more. A plug-in may take that for the guest's having left: it is announced
// again.
func (s *stay) release(who guest, d *vtep.Directory) {
	for _, ip := range s.lost {
		d.Withdraw(vtep.Guest{VNI: who.vni, MAC: who.mac, IP: ip, End: s.at.end})
		s.released = true
	}
	s.lost = nil
}

// announce tells d that a guest is here, as far as it has not been told, and reports whether it had to be told that. One that has
// come here again since may have been said to be elsewhere meanwhile, however short it was away.
func (s *stay) announce(who guest, at place, d *vtep.Directory) (told bool) {
	if !s.here || s.at.end != at.end || s.at.since != at.since || s.released {
		told, s.here, s.told, s.released = true, true, 0, false
		d.Announce(vtep.Guest{VNI: who.vni, MAC: who.mac, End: at.end})
	}
	s.at = at
	for ; s.told < len(s.ips); s.told++ {
		d.Announce(vtep.Guest{VNI: who.vni, MAC: who.mac, IP: s.ips[s.told], End: at.end})
	}
	return told
}

// withdraw tells d that a guest is not here any more, which was told n of its addresses.
func (s *stay) withdraw(who guest, n int, d *vtep.Directory) {
	for _, one := range s.guests(who, n) {
		d.Withdraw(one)
	}
}

// guests returns what others know of a guest of which they were told n addresses.
func (s *stay) guests(who guest, n int) []vtep.Guest {
	list := []vtep.Guest{{VNI: who.vni, MAC: who.mac, End: s.at.end}}
	for _, ip := range s.ips[:n] {
		list = append(list, vtep.Guest{VNI: who.vni, MAC: who.mac, IP: ip, End: s.at.end})
	}
	return list
}
