package tunnel

import (
	"net/netip"

	"github.com/culvertdev/culvert/encap/vtep"
)

// A Directory says where in an overlay packets go; vtep.Directory is one.
//
// Thread-safety: safe for concurrent use.
type Directory interface {
	Ask(q vtep.Question, live bool) vtep.Result
	Learns() bool
	Learn(g vtep.Guest)
	Announces() bool
	Shoots() bool
	Shoot(vni uint32, mac [6]byte, self, to netip.Addr)
}

// Guests knows who is at this end of an overlay.
//
// Thread-safety: safe for concurrent use. It is asked and told with locks held that look-ups wait for: no method waits for
// anybody.
type Guests interface {
	// Claim hears what a guest here says, again and again while it sends packets that say so.
	Claim(s Saying)
	// Enter hears that a packet of a guest that came in by a datapath port, and was seen at used, in ns, has gone
	// into a network. It is called for those of whom nobody can say otherwise in which network they are, again and
	// again while they send.
	Enter(vni uint32, mac [6]byte, port uint32, used int64)
	// Has reports whether a guest is here, and whether it was not long ago.
	Has(vni uint32, mac [6]byte) (here, was bool)
}

// A Saying is a guest's that an address is its own.
type Saying struct {
	VNI  uint32
	MAC  [6]byte // of the guest
	IP   netip.Addr
	Port uint32 // datapath port that the packet came in by; 0: none
	Used int64  // ns: when it was seen
	// Again: it is of a flow that has said so before.
	Again bool
}

// A Profile is whom ports with remote_ip=lookup ask.
type Profile struct {
	Directory Directory
	Guests    Guests // nil: nobody knows
	Suppress  bool   // who asks for an address (ARP, neighbour discovery) is answered here, if it is known
}

// SetProfiles makes list, which is not changed after, the profiles there are, by name. It returns the tags of verdicts
// that rest on one that is another now, or gone: the caller says so to the tables.
func (s *Set) SetProfiles(list map[string]*Profile) (tags uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.profiles {
		if o := list[name]; o == nil || *o != *p {
			tags |= profileTag(name)
		}
	}
	for name := range list {
		if s.profiles[name] == nil {
			tags |= profileTag(name)
		}
	}
	s.profiles = list
	return tags
}

// profileTag returns the bit that verdicts have which rest on a profile, or on there being none of this name.
func profileTag(name string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	return 1 << (h * 0x9e3779b97f4a7c15 >> 58)
}

// profile returns the profile of a name, nil if there is none.
func (s *Set) profile(name string) *Profile {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.profiles[name]
}
