package gateway

import (
	"fmt"
	"net/netip"
	"slices"
)

// MaxInterfaces is how many interfaces a gateway can have.
const MaxInterfaces = 1024

// A Config says what a gateway does. It is a value: a table keeps none of its slices.
type Config struct {
	Interfaces []Interface
	Routes     []Route
	Neighbours []Neighbour
	ACL        []Rule
	Deny       bool // what becomes of packets that no rule of the ACL is about: dropped, instead of let through
}

// An Interface is a segment, the ports of which are switched together, and the gateway's own place in it.
// Without addresses it is a segment only.
type Interface struct {
	Name      string
	Members   []Member
	MAC       [6]byte
	Addresses []netip.Prefix // the address, with the length of the prefix that is reached directly
}

// A Member is a port of a segment.
type Member struct {
	Port string
	VLAN uint16 // of the tag its packets have; 0: none
}

// A Route says where packets to a prefix go.
type Route struct {
	To   netip.Prefix
	Via  []netip.Addr // routers that interfaces reach directly, of several each gets an equal share of flows; none with Drop
	Drop bool         // nowhere
}

// A Neighbour is a host whose Ethernet address is known for good.
type Neighbour struct {
	Address netip.Addr
	MAC     [6]byte
}

// A Rule permits or denies the routed packets that it is about. The first that is about a packet decides.
// Packets that are switched within a segment, ARP and neighbour discovery do not meet the rules.
type Rule struct {
	Permit    bool
	Interface string       // the packet came in by; empty: any
	From, To  netip.Prefix // invalid: any
	Protocol  Protocol
	// FromPorts and ToPorts narrow TCP, UDP and SCTP. The later fragments of a packet have no ports, so that
	// no rule with ports is about them.
	FromPorts, ToPorts Ports
}

// A Protocol is an IP protocol or IPv6 next header.
type Protocol struct {
	Number uint8
	Given  bool // false: any
}

// Ports are transport ports from First to Last; zero: any.
type Ports struct{ First, Last uint16 }

func (p Ports) any() bool { return p == Ports{} }

// A ConfigError is one thing that is wrong in a Config.
type ConfigError struct {
	List    string // "interfaces", "routes", "neighbours" or "acl"
	Index   int    // in the list
	Problem string
}

// Error returns the problem behind its place.
func (e *ConfigError) Error() string { return fmt.Sprintf("%s[%d]: %s", e.List, e.Index, e.Problem) }

// Check returns all that is wrong with c as a whole. What stands alone, such as a number out of range, is for
// whoever reads the configuration.
func (c *Config) Check() []*ConfigError {
	var errs []*ConfigError
	fail := func(list string, i int, format string, args ...any) {
		errs = append(errs, &ConfigError{list, i, fmt.Sprintf(format, args...)})
	}
	c.checkInterfaces(fail)
	for i, r := range c.Routes {
		switch {
		case r.Drop == (len(r.Via) > 0):
			fail("routes", i, "want either via, the address of a router, or drop: true")
		case len(r.Via) > maxWays:
			fail("routes", i, "via: want at most %d routers, found %d", maxWays, len(r.Via))
		}
		for j, via := range r.Via {
			switch {
			case via.Is4() != r.To.Addr().Is4():
				fail("routes", i, "via %v: want an address of the prefix's family", via)
			case c.reaches(via) < 0:
				fail("routes", i, "via %v: no interface has an address whose prefix it is in", via)
			case slices.Contains(r.Via[:j], via):
				fail("routes", i, "via %v: want each router once", via)
			}
		}
		if first := slices.IndexFunc(c.Routes, func(o Route) bool { return o.To.Masked() == r.To.Masked() }); first < i {
			fail("routes", i, "want each prefix once, found %v again", r.To.Masked())
		}
	}
	for i, n := range c.Neighbours {
		if c.reaches(n.Address) < 0 {
			fail("neighbours", i, "%v: no interface has an address whose prefix it is in", n.Address)
		}
	}
	for i := range c.ACL {
		if problem := c.checkRule(&c.ACL[i]); problem != "" {
			fail("acl", i, "%s", problem)
		}
	}
	return errs
}

func (c *Config) checkInterfaces(fail func(list string, i int, format string, args ...any)) {
	names, members, prefixes := map[string]bool{}, map[Member]string{}, map[netip.Prefix]string{}
	if len(c.Interfaces) > MaxInterfaces {
		fail("interfaces", MaxInterfaces, "want at most %d", MaxInterfaces)
	}
	for i, f := range c.Interfaces {
		if names[f.Name] {
			fail("interfaces", i, "want a name of its own, found %s again", f.Name)
		}
		names[f.Name] = true
		if len(f.Members) == 0 {
			fail("interfaces", i, "want a port, found none")
		}
		ports := map[string]bool{}
		for _, m := range f.Members {
			switch other, taken := members[m]; {
			case taken:
				fail("interfaces", i, "port %s, VLAN %d: it belongs to interface %s", m.Port, m.VLAN, other)
			case ports[m.Port]:
				fail("interfaces", i, "port %s: want it once in an interface", m.Port)
			}
			members[m], ports[m.Port] = f.Name, true
		}
		for _, p := range f.Addresses {
			switch other, taken := prefixes[p.Masked()]; {
			case taken:
				fail("interfaces", i, "address %v: interface %s reaches that prefix", p, other)
			case !p.Addr().IsGlobalUnicast():
				fail("interfaces", i, "address %v: want a unicast address", p)
			case p.Addr().Is4() && p.Bits() < 31 && (p.Addr() == p.Masked().Addr() || p.Addr() == lastOf(p)):
				fail("interfaces", i, "address %v: want one of a host, found that of the network or of all hosts in it", p)
			}
			prefixes[p.Masked()] = f.Name
		}
	}
}

func (c *Config) checkRule(r *Rule) string {
	switch {
	case r.From.IsValid() && r.To.IsValid() && r.From.Addr().Is4() != r.To.Addr().Is4():
		return "from and to: want prefixes of one family"
	case !(r.FromPorts.any() && r.ToPorts.any()) && !r.Protocol.hasPorts():
		return "ports: want the protocol tcp, udp or sctp with them"
	case r.Interface != "" && !slices.ContainsFunc(c.Interfaces, func(f Interface) bool { return f.Name == r.Interface }):
		return fmt.Sprintf("interface %s: there is none of that name", r.Interface)
	}
	return ""
}

// reaches returns the interface that reaches addr directly, -1 if none does: that with the longest prefix.
func (c *Config) reaches(addr netip.Addr) int {
	best, at := -1, -1
	for i, f := range c.Interfaces {
		for _, p := range f.Addresses {
			if p.Contains(addr) && p.Bits() > best {
				best, at = p.Bits(), i
			}
		}
	}
	return at
}

// lastOf returns the last address of an IPv4 prefix, which means all hosts in it (RFC 919).
func lastOf(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		a[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(a)
}
