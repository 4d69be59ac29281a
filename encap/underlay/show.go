package underlay

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/culvertdev/culvert/encap/neighbour"
)

// A State is the underlay as it is, for people.
type State struct {
	Interfaces []InterfaceState
	Routes     []RouteState
	Neighbours []NeighbourState
}

// An InterfaceState is an interface as it is.
type InterfaceState struct {
	Port      string
	MAC       [6]byte
	Addresses []netip.Prefix // link-local ones, too
	VLAN      uint16
	MTU       int // bytes; 0: not known
	Up        bool
	Kernel    bool
	Groups    []netip.Addr // multicast groups that are listened to
}

// A RouteState is one way to a prefix, or says that there is none.
type RouteState struct {
	To     netip.Prefix
	Router netip.Addr // invalid: reached directly
	Port   string     // "": there is no way
	// Throw, where there is no way: what comes behind the kernel's table is asked; else the prefix leads nowhere.
	Throw bool
	// Mark and Mask say which packets the way is for, by their mark: those that have the bits of Mask as Mark has them.
	// With a Mask of 0: those without a mark, and of the kernel's routes all.
	Mark, Mask uint32
}

// A NeighbourState is a neighbour.
type NeighbourState struct {
	Port    string
	Address netip.Addr
	MAC     [6]byte
	State   neighbour.State
	Age     time.Duration // since it last answered, or failed
}

// Show returns all there is, in the order of the configuration, routes by prefix, neighbours by port and address.
func (s *Stack) Show() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out State
	for i := range s.ifaces {
		f := &s.ifaces[i]
		one := InterfaceState{Port: f.Interface.Port, MAC: f.MAC, Addresses: slices.Clone(f.addresses), VLAN: f.VLAN, MTU: f.mtu, Up: f.up(), Kernel: f.Kernel}
		if l := f.linkLocal; l.IsValid() && !slices.ContainsFunc(f.addresses, func(p netip.Prefix) bool { return p.Addr() == l }) {
			one.Addresses = append(one.Addresses, netip.PrefixFrom(l, linkLocalPrefix.Bits()))
		}
		for _, l := range s.listenings {
			if l.link == f.index && !l.gone {
				one.Groups = append(one.Groups, l.group)
			}
		}
		out.Interfaces = append(out.Interfaces, one)
	}
	out.Routes = s.routes()
	for _, n := range s.neighbours.List(s.o.Clock()) {
		if int(n.Link) < len(s.ifaces) {
			out.Neighbours = append(out.Neighbours, NeighbourState{s.ifaces[n.Link].Interface.Port, n.Addr, n.MAC, n.State, n.Age})
		}
	}
	return out
}

// routes returns the ways to all prefixes. The lock is held.
func (s *Stack) routes() (out []RouteState) {
	add := func(t *table, mark, mask uint32) {
		for p, list := range t.hops {
			for _, h := range list {
				out = append(out, RouteState{To: p, Router: h.router, Port: s.ifaces[h.link].Interface.Port, Mark: mark, Mask: mask})
			}
			if len(list) == 0 {
				out = append(out, RouteState{To: p, Mark: mark, Mask: mask})
			}
		}
		for p := range t.thrown {
			out = append(out, RouteState{To: p, Throw: true, Mark: mark, Mask: mask})
		}
	}
	add(&s.fib.plain, 0, 0)
	for mark, t := range s.fib.marked {
		add(&t, mark, ^uint32(0))
	}
	for i := range s.fib.rules {
		r := &s.fib.rules[i]
		add(&r.table, r.Mark, r.Mask)
	}
	slices.SortFunc(out, func(a, b RouteState) int {
		return cmp.Or(a.To.Addr().Compare(b.To.Addr()), cmp.Compare(a.To.Bits(), b.To.Bits()), cmp.Compare(a.Mask, b.Mask), cmp.Compare(a.Mark, b.Mark),
			cmp.Compare(a.Port, b.Port), a.Router.Compare(b.Router))
	})
	return out
}

// First returns the port of the first interface, "" without any.
func (s *Stack) First() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.config.Interfaces) == 0 {
		return ""
	}
	return s.config.Interfaces[0].Port
}

// Shared returns the ports that the stack shares with the kernel, by name.
func (s *Stack) Shared() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	shared := make(map[string]bool)
	for _, f := range s.config.Interfaces {
		if f.Kernel {
			shared[f.Port] = true
		}
	}
	return shared
}

// An Own is an address of the underlay.
type Own struct {
	Port uint32 // datapath port
	Addr netip.Addr
	VLAN uint16
	MAC  [6]byte
	// Kernel: the host's kernel answers for it.
	Kernel bool
}

// Own returns the addresses of all interfaces whose port is there.
func (s *Stack) Own() []Own {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Own
	for i := range s.ifaces {
		f := &s.ifaces[i]
		if !f.there {
			continue
		}
		for _, p := range f.addresses {
			list = append(list, Own{f.ID, p.Addr(), f.VLAN, f.MAC, f.Kernel})
		}
		if f.linkLocal.IsValid() && !slices.ContainsFunc(f.addresses, func(p netip.Prefix) bool { return p.Addr() == f.linkLocal }) {
			list = append(list, Own{f.ID, f.linkLocal, f.VLAN, f.MAC, f.Kernel})
		}
	}
	return list
}
