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
	doubts
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
	here     bool
	was      bool         // it has been here
	at       place        // here: where
	since    int64        // ns: not here: since when
	ips      []netip.Addr // that it says it has, the latest last
	told     int          // how many of ips others were told
	known    bool         // the directory has said where it is
	believed uint8        // times that the directory was believed in a row that it is elsewhere
	lost     []netip.Addr // that it has no more, and others were told
}

func newGuests() *guests {
	return &guests{stays: make(map[guest]*stay), owners: make(map[claim]guest), fresh: make(map[guest]arrival), doubts: newDoubts()}
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
	return g.news || len(g.unasked) > 0
}

// drop forgets a guest.
func (g *guests) drop(who guest, s *stay) {
	for _, ip := range s.ips {
		delete(g.owners, claim{who.vni, ip})
	}
	delete(g.stays, who)
	g.trust(who)
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
