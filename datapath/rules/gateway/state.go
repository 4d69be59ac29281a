package gateway

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/encap/wire"
)

// A state is what look-ups see: a configuration and the ports there are. It does not change: another
// configuration, or other ports, make another state.
type state struct {
	config   Config
	ports    map[uint32]*rules.Port // by datapath port
	segments []segment
	members  map[place]*segment
	routes   []route // by value in the tries; the first is none
	fib4     trie
	fib6     trie
}

// A place is where packets come from.
type place struct {
	port uint32
	vlan uint16 // 0: no tag, or one of VLAN 0
}

// A segment is an interface and the ports that are there of it.
type segment struct {
	*Interface
	index     uint16
	members   []member   // those with tags first
	linkLocal netip.Addr // invalid without an IPv6 address
}

type member struct {
	port *rules.Port
	vlan uint16
}

// A route says where packets go that it is the longest prefix for.
type route struct {
	kind routeKind
	seg  *segment // routeDirect
	ways []way    // routeVia
}

type routeKind uint8

const (
	routeNone    routeKind = iota
	routeOwn               // to the gateway itself
	routeDirect            // to a host of seg
	routeVia               // to a router
	routeDrop              // nowhere, by configuration
	routeSpecial           // nowhere: no router forwards to such addresses
)

// special are the destinations that no router forwards to (RFC 1812 section 4.2.2.11 and 5.3.7, RFC 4291
// section 2.4): this host, loopback, link-local, multicast and reserved addresses.
func special() []netip.Prefix {
	var list []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "::ffff:0:0/96", "fe80::/10", "ff00::/8",
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

// newState puts a checked configuration and the ports together.
func newState(c Config, ports []rules.Port) *state {
	s := &state{config: c, ports: make(map[uint32]*rules.Port), members: make(map[place]*segment), routes: make([]route, 1)}
	byName := make(map[string]*rules.Port)
	for i := range ports {
		s.ports[ports[i].ID], byName[ports[i].Name] = &ports[i], &ports[i]
	}
	s.segments = make([]segment, len(c.Interfaces))
	for i := range c.Interfaces {
		seg := &s.segments[i]
		seg.Interface, seg.index = &s.config.Interfaces[i], uint16(i)
		for _, m := range seg.Members {
			if p := byName[m.Port]; p != nil {
				seg.members = append(seg.members, member{p, m.VLAN})
				s.members[place{p.ID, m.VLAN}] = seg
			}
		}
		slices.SortStableFunc(seg.members, func(a, b member) int { return cmp.Compare(b.vlan, a.vlan) })
	}
	s.addRoutes()
	return s
}

// addRoutes fills the tries. Of two routes to one prefix the first counts.
func (s *state) addRoutes() {
	for i := range s.segments {
		seg := &s.segments[i]
		for _, p := range seg.Addresses {
			s.addRoute(netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), route{kind: routeOwn, seg: seg})
			if p.Addr().Is6() && !seg.linkLocal.IsValid() {
				seg.linkLocal = wire.LinkLocal(seg.MAC)
			}
			if p.Addr().Is4() && p.Bits() < 31 {
				s.addRoute(netip.PrefixFrom(p.Masked().Addr(), 32), route{kind: routeSpecial})
				s.addRoute(netip.PrefixFrom(lastOf(p), 32), route{kind: routeSpecial})
			}
		}
	}
	for i := range s.segments {
		for _, p := range s.segments[i].Addresses {
			s.addRoute(p, route{kind: routeDirect, seg: &s.segments[i]})
		}
	}
	for _, r := range s.config.Routes {
		if r.Drop {
			s.addRoute(r.To, route{kind: routeDrop})
			continue
		}
		ways := make([]way, len(r.Via))
		for i, via := range r.Via {
			ways[i] = way{&s.segments[s.config.reaches(via)], via}
		}
		s.addRoute(r.To, route{kind: routeVia, ways: ways})
	}
	for _, p := range special() {
		s.addRoute(p, route{kind: routeSpecial})
	}
}

func (s *state) addRoute(p netip.Prefix, r route) {
	s.routes = append(s.routes, r)
	fib := &s.fib4
	if p.Addr().Is6() {
		fib = &s.fib6
	}
	fib.add(p, int32(len(s.routes)-1))
}

// own reports whether addr is one that the gateway has in the segment.
func (seg *segment) own(addr netip.Addr) bool {
	for _, p := range seg.Addresses {
		if p.Addr() == addr {
			return true
		}
	}
	return seg.linkLocal.IsValid() && addr == seg.linkLocal
}

// direct reports whether addr is one of a host in the segment.
func (seg *segment) direct(addr netip.Addr) bool {
	for _, p := range seg.Addresses {
		if p.Contains(addr) && p.Addr() != addr {
			return true
		}
	}
	return seg.linkLocal.IsValid() && addr.Is6() && addr.IsLinkLocalUnicast() && addr != seg.linkLocal
}

// from returns the address that the gateway speaks to addr from, invalid if it has none of the family. That of
// the prefix addr is in comes first.
func (seg *segment) from(addr netip.Addr) (own netip.Addr) {
	if addr.Is6() && addr.IsLinkLocalUnicast() {
		return seg.linkLocal
	}
	for _, p := range seg.Addresses {
		if p.Addr().Is4() != addr.Is4() {
			continue
		}
		if p.Contains(addr) {
			return p.Addr()
		}
		if !own.IsValid() {
			own = p.Addr()
		}
	}
	return own
}

// memberOn returns the segment's member on a port, nil if there is none.
func (seg *segment) memberOn(port uint32) *member {
	for i := range seg.members {
		if seg.members[i].port.ID == port {
			return &seg.members[i]
		}
	}
	return nil
}
