package tunnel

import "github.com/culvertdev/culvert/encap/vtep"

// A Directory says where in an overlay packets go; vtep.Directory is one.
//
// Thread-safety: safe for concurrent use.
type Directory interface {
	Ask(q vtep.Question, live bool) vtep.Result
	Learns() bool
	Learn(g vtep.Guest)
}

// A Profile is whom ports with remote_ip=lookup ask.
type Profile struct {
	Directory Directory
	Suppress  bool // who asks for an address (ARP, neighbour discovery) is answered here, if it is known
}

// SetProfiles makes list the profiles there are, by name. Who had asked others has to ask again: the caller says so
// to the tables.
func (s *Set) SetProfiles(list map[string]*Profile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.profiles = list
}

// profile returns the profile of a name, nil if there is none.
func (s *Set) profile(name string) *Profile {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.profiles[name]
}
