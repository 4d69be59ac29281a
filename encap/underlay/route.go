package underlay

import (
	"net/netip"

	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/encap/wire"
)

// A Way is how packets get to an address.
type Way struct {
	Port           uint32 // datapath port they leave by
	Name           string // of that port
	SrcMAC, DstMAC [6]byte
	VLAN           uint16     // of their tag; 0: none
	Src            netip.Addr // address they come from
	MTU            int        // bytes of the largest IP packet; 0: not known
	// Tag has a bit for each thing the answer rests on, whatever its Status: when Changes or Watch name one of them the
	// answer may be another.
	Tag   uint64
	Paths int // equal ways that hash chose from; with 1 it did not matter
}

// A Status says what is known of a way.
type Status uint8

// Statuses. Only with OK the way can be gone.
const (
	OK          Status = iota
	NoRoute            // no route leads there
	Asked              // the next host was asked for its Ethernet address; a change of the tag follows
	Unreachable        // the next host does not answer
	Local              // the address is one of ours
	NoSource           // the source is none of our addresses, or not of the destination's family
	Down               // the port on the way is not there or has no carrier
)

// String says it in words.
func (s Status) String() string {
	return [...]string{
		"there is a way", "no route leads there", "the next host on the way was asked for its Ethernet address",
		"the next host on the way does not answer", "the address is our own", "the source is none of our addresses",
		"the port on the way is not there or has no carrier",
	}[s]
}

// Route returns the way to dst. With src valid packets come from it, which is one of our addresses; otherwise the way's
// own is chosen. mark is the packet's, 0 for none: a route with a mark is for packets with just this one, and one
// without for those without (Open vSwitch, ovs/route/add with pkt_mark); the kernel's are for those that its rules say.
// Of several equal ways those whose next host answers share all values of hash equally, and when one goes only what
// went by it goes elsewhere. A next host that is not known is asked; a packet that waits for it is the caller's to keep.
//
// A multicast group's way is out of the interface that has src, or that the route to the group, or else the default
// route, leads out of; nobody is asked.
func (s *Stack) Route(dst, src netip.Addr, mark uint32, hash uint64) (Way, Status) {
	dst, src = dst.Unmap(), src.Unmap()
	s.mu.Lock()
	defer s.mu.Unlock()
	w := Way{Tag: s.destinationTag(dst)}
	switch {
	case !dst.IsValid() || dst.IsUnspecified() || dst.IsLoopback() || dst.Is4() && dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return w, NoRoute
	case s.owns(dst):
		w.Tag |= s.ifaceTag(anyIface)
		return w, Local
	case src.IsValid() && (src.Is4() != dst.Is4() || !s.owns(src)):
		w.Tag |= s.ifaceTag(anyIface) // it may become one
		return w, NoSource
	}
	use := func(h hop) bool {
		f := &s.ifaces[h.link]
		w.Tag |= s.ifaceTag(h.link)
		return f.up()
	}
	if dst.IsMulticast() {
		hash, mark = 0, 0 // all by one, where the group is listened to as well
	}
	list := s.fib.lookup(dst, mark, use)
	switch {
	case len(list) > 0:
	case dst.IsMulticast():
		return s.groupWay(w, dst, src)
	case len(s.fib.lookup(dst, mark, func(hop) bool { return true })) > 0:
		return w, Down
	default:
		return w, NoRoute
	}
	h := s.choose(list, dst, src, hash, &w)
	f := &s.ifaces[h.link]
	if !s.leave(&w, f, dst, src) {
		return w, NoSource
	}
	if dst.IsMulticast() {
		w.DstMAC, w.Paths = wire.GroupMAC(dst), 1
		return w, OK
	}
	return w, s.resolve(&w, f.host(h.next(dst)))
}

// Exits returns the ways out of the interfaces, wherever they lead: one for each family that an interface which is up has an
// address of, link-local ones aside. A Way of these has no DstMAC, Tag and Paths.
func (s *Stack) Exits() (list []Way) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.ifaces {
		f := &s.ifaces[i]
		if !f.up() {
			continue
		}
		for _, any := range [...]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			if src := f.from(any); src.IsValid() {
				list = append(list, Way{Port: f.ID, Name: f.Interface.Port, SrcMAC: f.MAC, VLAN: f.VLAN, Src: src, MTU: f.mtu})
			}
		}
	}
	return list
}

// owns reports whether addr is one of ours.
func (s *Stack) owns(addr netip.Addr) bool {
	for i := range s.ifaces {
		if s.ifaces[i].owns(addr) {
			return true
		}
	}
	return false
}

// next returns the address of the next host.
func (h hop) next(dst netip.Addr) netip.Addr {
	if h.router.IsValid() {
		return h.router
	}
	return dst
}

// leave sets what the way has of the interface it leaves by, and reports whether there is an address to come from.
func (s *Stack) leave(w *Way, f *iface, dst, src netip.Addr) bool {
	w.Name = f.Interface.Port
	w.Port, w.SrcMAC, w.VLAN, w.MTU, w.Src = f.ID, f.MAC, f.VLAN, f.mtu, src
	if !src.IsValid() {
		w.Src = f.from(dst)
	}
	for i := 0; !w.Src.IsValid() && i < len(s.ifaces); i++ { // an interface without one of its own speaks from another's
		w.Tag |= s.ifaceTag(anyIface)
		w.Src = s.ifaces[i].from(dst)
	}
	return w.Src.IsValid()
}

// choose returns the hop with the highest weight for a hash among those that are best: those whose port is up, out of
// the interface that has src where there are such, whose next host answers; while none does, among those that are not
// known not to.
func (s *Stack) choose(list []hop, dst, src netip.Addr, hash uint64, w *Way) (best hop) {
	bestRank, bestWeight := -1, uint64(0)
	for _, h := range list {
		f := &s.ifaces[h.link]
		if !f.up() {
			continue
		}
		rank := s.rank(f.host(h.next(dst)), len(list) > 1 && !dst.IsMulticast(), w)
		if src.IsValid() && f.owns(src) {
			rank += 10
		}
		weight := neighbour.Weight(h.next(dst), hash^uint64(h.link)<<48)
		switch {
		case rank > bestRank:
			best, bestRank, bestWeight, w.Paths = h, rank, weight, 1
		case rank == bestRank:
			if w.Paths++; weight > bestWeight {
				best, bestWeight = h, weight
			}
		}
	}
	return best
}

// rank says how good a next host is. Where there are several it is asked for, so that it is known which can be used.
func (s *Stack) rank(n neighbour.Host, several bool, w *Way) int {
	if !several {
		return 0
	}
	w.Tag |= s.hostTag(n)
	switch _, state := s.neighbours.Find(n); state {
	case neighbour.Answered, neighbour.Told, neighbour.Fixed:
		return 3
	case neighbour.Silent:
		return 1
	case neighbour.Failed:
		return 0
	case neighbour.Unknown:
		if s.neighbours.Want(n, nil, s.o.Clock()) {
			s.ask(n, [6]byte{})
		}
	}
	return 2
}

// resolve sets the next host's Ethernet address, or asks for it.
func (s *Stack) resolve(w *Way, n neighbour.Host) Status {
	w.Tag |= s.hostTag(n)
	if s.neighbours.Want(n, nil, s.o.Clock()) {
		s.ask(n, [6]byte{})
	}
	mac, state := s.neighbours.Find(n)
	switch {
	case state.Known():
		w.DstMAC = mac
		return OK
	case state == neighbour.Failed:
		return Unreachable
	case state == neighbour.Unknown:
		s.tally.full.Add(1)
		return Unreachable
	}
	return Asked
}

// groupWay returns the way to a multicast group that no route leads to: out of the interface that has src, or else the
// first with an address of the family.
func (s *Stack) groupWay(w Way, dst, src netip.Addr) (Way, Status) {
	w.Tag |= s.ifaceTag(anyIface)
	w.DstMAC, w.Paths = wire.GroupMAC(dst), 1
	for i := range s.ifaces {
		f := &s.ifaces[i]
		if !f.up() || !f.from(dst).IsValid() || src.IsValid() && !f.owns(src) {
			continue
		}
		if s.leave(&w, f, dst, src) {
			return w, OK
		}
	}
	return w, NoRoute
}
