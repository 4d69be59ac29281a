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
	stayed    = 5 * time.Minute // how long one that has left is remembered
	early     = 2 * time.Second // how long a packet may be ahead of the news that its port has a carrier
)

// guests are those that a profile is told to be here, and those that were not long ago. It implements tunnel.Guests, by its door.
//
// Thread-safety: all methods may be called at the same time. But for those of the door, they may wait for a directory.
type guests struct {
	*door // its lock may be taken with mu held

	mu    sync.Mutex
	stays map[guest]*stay
	news  bool // there is something that nobody was told
	doubts
	claims
}

// A guest is one of a virtual network.
type guest struct {
	vni uint32
	mac [6]byte
}

// An arrival is a packet of a guest's that went into a tunnel.
type arrival struct {
	port  uint32 // that it came in by
	used  int64  // ns: when it did
	since int64  // ns: when it was first seen that nothing was known to come from there; 0: it was not
}

// A stay is what is known of a guest that is or was here.
type stay struct {
	here     bool
	at       place        // here: where
	since    int64        // ns: not here: since when
	left     int64        // ns: when it was here last, and is not any more; 0: it never was
	asserted int64        // ns: here: when that was said last; what the directory says may be from before
	ips      []netip.Addr // that it says it has, the latest last
	told     int          // how many of ips others were told
	known    bool         // the directory has said where it is
	believed uint8        // times that the directory was believed in a row that it is elsewhere
	lost     []netip.Addr // that it has no more, and others were told
	passed   int64        // ns: when one of its addresses was last found to be another guest's elsewhere
	released bool         // others were told so since it was announced
}

func newGuests() *guests {
	return &guests{door: newDoor(), stays: make(map[guest]*stay), doubts: newDoubts(), claims: newClaims()}
}

// hasNews reports whether a guest has said something since the last settle.
func (g *guests) hasNews() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.news || g.door.waits() || len(g.unasked) > 0 || g.claims.open()
}

// drop forgets a guest.
func (g *guests) drop(who guest, s *stay) {
	for _, ip := range s.ips {
		g.end(claim{who.vni, ip})
	}
	delete(g.stays, who)
	g.door.forget(who)
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
