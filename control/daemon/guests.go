package daemon

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/culvertdev/culvert/encap/vtep"
)

// Bounds of what is remembered of guests here.
const (
	maxStays  = 65536
	maxSilent = 4096            // of those, here and unknown to their bridge
	maxClaims = 16              // addresses of one guest
	stayed    = 5 * time.Minute // how long one that has left is remembered
	early     = 2 * time.Second // how long a packet may be ahead of the news that its port has a carrier
)

// guests are those that a profile is told to be here, and those that were not long ago. It implements tunnel.Guests.
//
// Thread-safety: all methods may be called at the same time.
type guests struct {
	mu     sync.Mutex
	stays  map[guest]*stay
	owners map[claim]guest   // who said last that an address is his
	fresh  map[guest]arrival // whose packets went into a tunnel since the last settle
	news   bool              // a guest has said something that nobody was told
}

// A guest is one of a virtual network.
type guest struct {
	vni uint32
	mac [6]byte
}

// An arrival is a packet of a guest's that went into a tunnel.
type arrival struct {
	port  uint32 // that it came in by
	since int64  // ns: when it was first seen that nothing was known to come from there; 0: it was not
}

// A claim is an address in a virtual network.
type claim struct {
	vni uint32
	ip  netip.Addr
}

// A stay is what is known of a guest that is or was here.
type stay struct {
	here  bool
	was   bool         // it has been here
	at    place        // here: where
	since int64        // ns: not here: since when
	ips   []netip.Addr // that it says it has, the latest last
	told  int          // how many of ips others were told
	lost  []netip.Addr // that it has no more, and others were told
}

func newGuests() *guests {
	return &guests{stays: make(map[guest]*stay), owners: make(map[claim]guest), fresh: make(map[guest]arrival)}
}

// Claim implements tunnel.Guests.
func (g *guests) Claim(vni uint32, mac [6]byte, ip netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.claim(guest{vni, mac}, ip)
}

// claim is Claim with the lock held.
func (g *guests) claim(who guest, ip netip.Addr) {
	what := claim{who.vni, ip}
	owner, known := g.owners[what]
	if known && owner == who {
		return
	}
	s := g.stay(who)
	if s == nil {
		return
	}
	if known { // others are told of the new owner
		g.stays[owner].forget(ip)
	}
	if len(s.ips) == maxClaims {
		old := s.ips[0]
		delete(g.owners, claim{who.vni, old})
		if s.forget(old) {
			s.lost = append(s.lost, old)
		}
	}
	s.ips = append(s.ips, ip)
	g.owners[what] = who
	g.news = true
}

// Enter implements tunnel.Guests.
func (g *guests) Enter(vni uint32, mac [6]byte, port uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	who := guest{vni, mac}
	if s := g.stays[who]; s != nil && s.here && s.at.port == port || len(g.fresh) == maxSilent {
		return
	}
	g.fresh[who] = arrival{port: port}
	g.news = true
}

// stay returns what is known of a guest; nil if nothing is and there is no room.
func (g *guests) stay(who guest) *stay {
	s := g.stays[who]
	if s == nil && len(g.stays) < maxStays {
		s = new(stay)
		g.stays[who] = s
	}
	return s
}

// forget takes an address from a guest, and reports whether others were told that it has it.
func (s *stay) forget(ip netip.Addr) (told bool) {
	i := slices.Index(s.ips, ip)
	s.ips = slices.Delete(s.ips, i, i+1)
	if told = i < s.told; told {
		s.told--
	}
	return told
}

// Has implements tunnel.Guests.
func (g *guests) Has(vni uint32, mac [6]byte) (here, was bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stays[guest{vni, mac}]
	return s != nil && s.here, s != nil && s.was
}

// hasNews reports whether a guest has said something since the last settle.
func (g *guests) hasNews() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.news
}

// A place is where a guest is.
type place struct {
	port  uint32   // datapath port of the bridge
	end   vtep.End // by which others reach it
	since int64    // ns: when it came there, as far as the bridge knows
}

// Sightings are where guests of a profile were seen.
type sightings struct {
	here map[guest]place
	away map[guest]bool         // behind tunnels
	own  map[guest][]netip.Addr // of those here, what they need not say that they have
	up   map[uint32]bool        // ports that are there and have a carrier
	// byFlow is the end of the profile's tunnels that send with a key by flow; its address is invalid if there are none.
	byFlow vtep.End
	anyKey bool // byFlow takes packets with any key, so that those for a guest have that of its network
}

// enter adds those whose packets went into a tunnel with a key by flow, and takes them out of fresh. Carriers, and this host's
// addresses, become known later than packets pass: for a moment others stay there.
func (s *sightings) enter(fresh map[guest]arrival, now int64) {
	for who, a := range fresh {
		if _, known := s.here[who]; !known && s.byFlow.Addr.IsValid() && s.up[a.port] {
			end := s.byFlow
			if s.anyKey {
				end.Key = who.vni
			}
			s.here[who] = place{port: a.port, end: end}
		} else if !known && a.since == 0 {
			fresh[who] = arrival{a.port, now}
			continue
		} else if !known && now-a.since < int64(early) {
			continue
		}
		delete(fresh, who)
	}
}

// settle notes who is here, and tells d what is new. A guest that says nothing for long is forgotten by its bridge, and is
// still here: until it is seen elsewhere, d knows it to be elsewhere, or its port has gone.
func (g *guests) settle(seen *sightings, d *vtep.Directory, now int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen.enter(g.fresh, now)
	g.news = len(g.fresh) > 0
	for who, addresses := range seen.own {
		for _, ip := range addresses[:min(len(addresses), maxClaims)] {
			g.claim(who, ip)
		}
	}
	silent := 0
	for who, s := range g.stays {
		if _, ok := seen.here[who]; ok {
			continue
		}
		if s.here && silent < maxSilent && s.remains(who, seen, d) {
			silent++
			continue
		}
		if s.here {
			s.withdraw(who, s.told, d)
			s.here, s.told, s.since = false, 0, now
		}
		if s.since == 0 {
			s.since = now
		}
		if now-s.since > int64(stayed) {
			g.drop(who, s)
		}
	}
	for who, at := range seen.here {
		if s := g.stay(who); s != nil {
			s.announce(who, at, d)
		}
	}
}

// remains reports whether a guest that its bridge does not know any more is still here.
func (s *stay) remains(who guest, seen *sightings, d *vtep.Directory) bool {
	if seen.away[who] || !seen.up[s.at.port] {
		return false
	}
	r := d.Ask(vtep.ForMAC(who.vni, who.mac), false)
	return r.State != vtep.Known || r.Flooded || r.Answer.Ends[0].Addr == s.at.end.Addr
}

// announce tells d that a guest is here, as far as it has not been told. One that has come here again since may have been said
// to be elsewhere meanwhile, however short it was away.
func (s *stay) announce(who guest, at place, d *vtep.Directory) {
	for _, ip := range s.lost {
		d.Withdraw(vtep.Guest{VNI: who.vni, MAC: who.mac, IP: ip, End: s.at.end})
	}
	if !s.here || s.at.end != at.end || s.at.since != at.since || len(s.lost) > 0 {
		s.here, s.was, s.told, s.lost = true, true, 0, nil
		d.Announce(vtep.Guest{VNI: who.vni, MAC: who.mac, End: at.end})
	}
	s.at = at
	for ; s.told < len(s.ips); s.told++ {
		d.Announce(vtep.Guest{VNI: who.vni, MAC: who.mac, IP: s.ips[s.told], End: at.end})
	}
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
	for _, ip := range append(slices.Clone(s.ips[:n]), s.lost...) {
		list = append(list, vtep.Guest{VNI: who.vni, MAC: who.mac, IP: ip, End: s.at.end})
	}
	return list
}

// drop forgets a guest.
func (g *guests) drop(who guest, s *stay) {
	for _, ip := range s.ips {
		delete(g.owners, claim{who.vni, ip})
	}
	delete(g.stays, who)
}

// networks returns those that guests here are in.
func (g *guests) networks() (list []uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for who, s := range g.stays {
		if s.here && !slices.Contains(list, who.vni) {
			list = append(list, who.vni)
		}
	}
	return list
}

// list returns the guests that are here, by network and Ethernet address.
func (g *guests) list() []vtep.Guest {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []vtep.Guest
	for _, who := range slices.SortedFunc(maps.Keys(g.stays), guest.compare) {
		if s := g.stays[who]; s.here {
			list = append(list, s.guests(who, s.told)...)
		}
	}
	return list
}
