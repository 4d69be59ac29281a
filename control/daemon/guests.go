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
	maxClaims = 16              // addresses of one guest
	stayed    = 5 * time.Minute // how long one that has left is remembered
)

// guests are those that a profile is told to be here, and those that were not long ago. It implements tunnel.Guests.
//
// Thread-safety: all methods may be called at the same time.
type guests struct {
	mu     sync.Mutex
	stays  map[guest]*stay
	owners map[claim]guest // who said last that an address is his
	news   bool            // a guest has said something that nobody was told
}

// A guest is one of a virtual network.
type guest struct {
	vni uint32
	mac [6]byte
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
	end   vtep.End     // here: what others were told
	since int64        // ns: not here: when it was last heard of
	ips   []netip.Addr // that it says it has, the latest last
	told  int          // how many of ips others were told
}

func newGuests() *guests {
	return &guests{stays: make(map[guest]*stay), owners: make(map[claim]guest)}
}

// Claim implements tunnel.Guests.
func (g *guests) Claim(vni uint32, mac [6]byte, ip netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	who, what := guest{vni, mac}, claim{vni, ip}
	owner, known := g.owners[what]
	if known && owner == who {
		return
	}
	s := g.stay(who)
	if s == nil {
		return
	}
	if known {
		g.stays[owner].forget(ip)
	}
	if len(s.ips) == maxClaims {
		delete(g.owners, claim{vni, s.ips[0]})
		s.forget(s.ips[0])
	}
	s.ips = append(s.ips, ip)
	g.owners[what] = who
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

// forget takes an address from a guest.
func (s *stay) forget(ip netip.Addr) {
	i := slices.Index(s.ips, ip)
	s.ips = slices.Delete(s.ips, i, i+1)
	if i < s.told {
		s.told--
	}
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

// settle makes those the guests that are here, with the ends by which others reach them, and tells d what is new.
func (g *guests) settle(here map[guest]vtep.End, d *vtep.Directory, now int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.news = false
	for who, s := range g.stays {
		if _, still := here[who]; s.here && !still {
			s.each(who, s.told, d.Withdraw)
			s.here, s.told, s.since = false, 0, now
		}
		if s.since == 0 && !s.here {
			s.since = now
		}
		if !s.here && now-s.since > int64(stayed) {
			g.drop(who, s)
		}
	}
	for who, end := range here {
		s := g.stay(who)
		if s == nil {
			continue
		}
		if !s.here || s.end != end {
			s.here, s.was, s.end, s.told = true, true, end, 0
			d.Announce(vtep.Guest{VNI: who.vni, MAC: who.mac, End: end})
		}
		for ; s.told < len(s.ips); s.told++ {
			d.Announce(vtep.Guest{VNI: who.vni, MAC: who.mac, IP: s.ips[s.told], End: end})
		}
	}
}

// each calls do for a guest and for each of the first n of its addresses.
func (s *stay) each(who guest, n int, do func(vtep.Guest)) {
	for _, ip := range s.ips[:n] {
		do(vtep.Guest{VNI: who.vni, MAC: who.mac, IP: ip, End: s.end})
	}
	do(vtep.Guest{VNI: who.vni, MAC: who.mac, End: s.end})
}

// drop forgets a guest.
func (g *guests) drop(who guest, s *stay) {
	for _, ip := range s.ips {
		delete(g.owners, claim{who.vni, ip})
	}
	delete(g.stays, who)
}

// list returns the guests that are here, by network and Ethernet address.
func (g *guests) list() []vtep.Guest {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []vtep.Guest
	for _, who := range slices.SortedFunc(maps.Keys(g.stays), guest.compare) {
		if s := g.stays[who]; s.here {
			s.each(who, s.told, func(one vtep.Guest) { list = append(list, one) })
		}
	}
	return list
}
