package underlay

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/culvertdev/culvert/encap/wire"
)

// Times and numbers of those who listen to groups.
const (
	// MaxGroups is how many groups the stack listens to.
	MaxGroups = 256

	reports     = 2           // of a change, since one may get lost (RFC 3376 section 8.1)
	reportAgain = time.Second // at most, until the second (RFC 3376 section 8.11, RFC 3810 section 9.11)
	// oldRouter is how long a router of an older version is spoken to in its words (RFC 3376 section 8.12, RFC 3810 section
	// 9.12, with the default of 125 s between queries).
	oldRouter = 260 * time.Second
)

// A listening is a group on the interface that its packets come in by: the host's part of IGMPv3 (RFC 3376 section 5)
// and MLDv2 (RFC 3810 section 6), for whoever wants packets from all senders.
type listening struct {
	link  uint16
	group netip.Addr
	left  int            // reports of the last change that are still to be sent
	say   wire.Listening // in these
	due   int64          // ns: when the next of them is
	asked int64          // ns: when a query is answered; 0: none is
	gone  bool           // nobody listens any more; it is forgotten behind the last report
}

// SetGroups makes list, whose first MaxGroups count, the IP multicast groups that tunnels here listen to. Each is joined on
// the interface that packets to it leave by, and left when nobody listens to it any more.
func (s *Stack) SetGroups(list []netip.Addr) {
	list = slices.Clone(list)
	slices.SortFunc(list, netip.Addr.Compare)
	list = slices.DeleteFunc(slices.Compact(list), func(a netip.Addr) bool { return !a.IsMulticast() })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = list[:min(len(list), MaxGroups)]
	s.listen()
}

// listen joins and leaves groups as it has to be. The lock is held.
func (s *Stack) listen() {
	now := s.o.Clock()
	for i := range s.listenings {
		l := &s.listenings[i]
		if link, ok := s.groupLink(l.group); !l.gone && (!ok || link != l.link || !slices.Contains(s.wanted, l.group)) {
			l.gone = true
			s.change(l, wire.Leaves, now)
		}
	}
	for _, g := range s.wanted {
		link, ok := s.groupLink(g)
		if !ok {
			continue
		}
		i := slices.IndexFunc(s.listenings, func(l listening) bool { return l.link == link && l.group == g })
		switch {
		case i < 0:
			s.listenings = append(s.listenings, listening{link: link, group: g})
			i = len(s.listenings) - 1
		case !s.listenings[i].gone:
			continue
		}
		s.listenings[i].gone = false
		s.change(&s.listenings[i], wire.Joins, now)
	}
	slices.SortFunc(s.listenings, func(a, b listening) int { return cmp.Or(cmp.Compare(a.link, b.link), a.group.Compare(b.group)) })
}

// groupLink returns the interface that packets to a group leave by.
func (s *Stack) groupLink(g netip.Addr) (link uint16, ok bool) {
	use := func(h hop) bool { return s.ifaces[h.link].up() }
	if list := s.fib.lookup(g, 0, use); len(list) > 0 {
		var w Way
		return s.choose(list, g, netip.Addr{}, 0, &w).link, true
	}
	for i := range s.ifaces {
		if f := &s.ifaces[i]; f.up() && f.from(g).IsValid() {
			return f.index, true
		}
	}
	return 0, false
}

// change reports that a group is joined or left, now and once more. On an interface of the kernel's, it does.
func (s *Stack) change(l *listening, say wire.Listening, now int64) {
	if f := &s.ifaces[l.link]; f.Kernel {
		if l.left = 0; s.o.JoinKernel != nil {
			s.o.JoinKernel(f.Interface.Port, l.group, say == wire.Joins)
		}
		return
	}
	l.say, l.left, l.due, l.asked = say, reports, now, 0
	s.report(l, now)
}

// report sends what is due of a group, and reports whether it can be forgotten.
func (s *Stack) report(l *listening, now int64) (over bool) {
	if l.left > 0 && now >= l.due {
		s.say(l, l.say)
		l.left--
		l.due = now + 1 + rand.Int64N(int64(reportAgain))
	}
	if l.asked != 0 && now >= l.asked && !l.gone {
		l.asked = 0
		s.say(l, wire.Listens)
	}
	return l.gone && l.left == 0
}

// relink keeps what is listened to on interfaces that are what they were, wherever they stand now. The lock is held.
func (s *Stack) relink(moved map[uint16]uint16) {
	kept := s.listenings[:0]
	for _, l := range s.listenings {
		if now, ok := moved[l.link]; ok {
			l.link = now
			kept = append(kept, l)
		}
	}
	s.listenings = kept
}

// Groups returns the groups that are listened to as addresses of the underlay.
func (s *Stack) Groups() []Own {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Own
	for _, l := range s.listenings {
		if f := &s.ifaces[l.link]; f.there && !l.gone {
			list = append(list, Own{f.ID, l.group, f.VLAN, f.MAC, f.Kernel})
		}
	}
	return list
}

// Leave says, once, that nobody listens to any group any more: the stack is about to end.
func (s *Stack) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.listenings {
		if l := &s.listenings[i]; !l.gone {
			s.change(l, wire.Leaves, s.o.Clock())
		}
	}
	s.listenings, s.wanted = nil, nil
}

// say tells the routers on the link of a group.
func (s *Stack) say(l *listening, what wire.Listening) {
	f := &s.ifaces[l.link]
	src := f.from(l.group)
	if l.group.Is6() {
		src = f.linkLocal
	}
	if !f.up() || !src.IsValid() {
		return
	}
	version := uint8(3)
	if old := f.oldRouter[family(l.group)]; s.o.Clock() < old.until {
		version = old.version
	}
	if pkt := wire.NewReport(f.MAC, src, l.group, what, version); pkt != nil {
		s.tally.reported.Add(1)
		s.send(f, pkt)
	}
}

// reportDue sends the reports whose time has come. The lock is held.
func (s *Stack) reportDue(now int64) {
	kept := s.listenings[:0]
	for i := range s.listenings {
		l := s.listenings[i]
		if !s.report(&l, now) {
			kept = append(kept, l)
		}
	}
	s.listenings = kept
}
