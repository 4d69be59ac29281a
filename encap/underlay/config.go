package underlay

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/culvertdev/culvert/encap/icmp"
	"github.com/culvertdev/culvert/encap/neighbour"
)

// Bounds of a configuration.
const (
	MaxInterfaces = 256
	maxAddresses  = 64   // of an interface
	maxRoutes     = 4096 // of an interface; the kernel's have a bound of their own
	maxFixed      = 4096 // neighbours of an interface
	maxWays       = 16   // routers of a route
	minMTU4       = 576  // bytes (RFC 791)
	minMTU6       = 1280 // bytes (RFC 8200 section 5)
)

// A Config says what the underlay is. It is a value: a stack keeps none of its slices.
type Config struct {
	Interfaces []Interface
}

// An Interface is what a datapath port has of addresses.
type Interface struct {
	Port      string         // the port's name
	Addresses []netip.Prefix // own address, with the length of the prefix that is reached directly
	Routes    []Route
	// Neighbours are hosts on the link whose Ethernet address is known for good: they are not asked, and what they say of it does not count.
	Neighbours []Neighbour
	VLAN       uint16 // of the tag that its packets have; 0: none
	// Ethernet is the Ethernet address; zero: that of the port's device, which is right where the device leads to a
	// network, and wrong where it is the other end's, as a tap's is.
	Ethernet [6]byte
	MTU      int // bytes of the largest IP packet; 0: the port's
	// Kernel: addresses, routes and neighbours are those of the host's kernel (SetKernel, SetNeighbour), which also
	// answers for them. The other three are empty.
	Kernel bool
}

// A Neighbour is a host on an interface's link.
type Neighbour struct {
	Address  netip.Addr
	Ethernet [6]byte
}

// A Route says by which routers packets go to a prefix. Several routes to one prefix, for one mark, are one with all
// their routers.
type Route struct {
	To netip.Prefix
	// Via are on the interface; of several each gets an equal share of what is sent, by a hash that who asks gives. A
	// route with a mark may have none: hosts of the prefix, which is in that of an address, are reached directly.
	Via  []netip.Addr
	Mark uint32 // of packets that the route is for, and no others are; 0: those without one
	// Nowhere, of the kernel's routes: it does not lead out of the port, and packets to the prefix must not go by shorter ones.
	Nowhere bool
	// Throw, of the kernel's routes: the table has no way to the prefix (RTN_THROW), so that what comes behind it is asked.
	Throw bool
}

// A ConfigError is one thing that is wrong in a Config.
type ConfigError struct {
	Port    string
	List    string // "address", "routes", "neighbours", "vlan" or "mtu"
	Index   int    // in the list, -1 of what is none
	Problem string
}

// Error returns the problem behind its place.
func (e *ConfigError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("port %s: %s: %s", e.Port, e.List, e.Problem)
	}
	return fmt.Sprintf("port %s: %s[%d]: %s", e.Port, e.List, e.Index, e.Problem)
}

// Check returns all that is wrong with c.
func (c *Config) Check() []*ConfigError {
	var errs []*ConfigError
	owner := make(map[netip.Addr]string)
	for i := range c.Interfaces {
		f := &c.Interfaces[i]
		fail := func(list string, i int, format string, args ...any) {
			errs = append(errs, &ConfigError{f.Port, list, i, fmt.Sprintf(format, args...)})
		}
		if i >= MaxInterfaces {
			fail("address", -1, "want at most %d ports with an underlay", MaxInterfaces)
			break
		}
		f.checkAddresses(owner, fail)
		f.checkRoutes(fail)
		f.checkNeighbours(fail)
		f.checkMTU(fail)
		if f.VLAN > 4094 {
			fail("vlan", -1, "want a VLAN from 1 to 4094, found %d", f.VLAN)
		}
	}
	return errs
}

type failFunc func(list string, i int, format string, args ...any)

func (f *Interface) checkAddresses(owner map[netip.Addr]string, fail failFunc) {
	switch n := len(f.Addresses); {
	case n == 0 && !f.Kernel:
		fail("address", -1, "want an address, or kernel: true")
	case n > 0 && f.Kernel:
		fail("address", -1, "want none with kernel: true, which takes the kernel's")
	case n > maxAddresses:
		fail("address", maxAddresses, "want at most %d addresses", maxAddresses)
	}
	for i, p := range f.Addresses {
		other, taken := owner[p.Addr()]
		switch {
		case taken:
			fail("address", i, "port %s has %v", other, p.Addr())
		case !icmp.Unicast(p.Addr()):
			fail("address", i, "want the unicast address of a host, found %v", p.Addr())
		case p.Addr().Is4() && p.Bits() < 31 && (p.Addr() == p.Masked().Addr() || p.Addr() == lastOf(p)):
			fail("address", i, "want the address of a host, found %v, which is that of the network or of all hosts in it", p)
		}
		owner[p.Addr()] = f.Port
	}
}

func (f *Interface) checkRoutes(fail failFunc) {
	if len(f.Routes) > 0 && f.Kernel {
		fail("routes", -1, "want none with kernel: true, which takes the kernel's")
	}
	if len(f.Routes) > maxRoutes {
		fail("routes", maxRoutes, "want at most %d routes", maxRoutes)
	}
	for i, r := range f.Routes {
		switch n := len(r.Via); {
		case n == 0 && r.Mark == 0 || n > maxWays:
			fail("routes", i, "via: want 1 to %d routers, found %d", maxWays, n)
		case n == 0 && !f.onLink(r.To):
			fail("routes", i, "to %v: want a router: the port has no address whose prefix it is in", r.To)
		}
		for j, via := range r.Via {
			switch {
			case via.Is4() != r.To.Addr().Is4():
				fail("routes", i, "via %v: want an address of the prefix's family", via)
			case !f.reaches(via):
				fail("routes", i, "via %v: the port has no address whose prefix it is in", via)
			case slices.Contains(r.Via[:j], via):
				fail("routes", i, "via %v: want each router once", via)
			}
		}
	}
}

func (f *Interface) checkNeighbours(fail failFunc) {
	if len(f.Neighbours) > 0 && f.Kernel {
		fail("neighbours", -1, "want none with kernel: true, which takes the kernel's")
		return
	}
	if len(f.Neighbours) > maxFixed {
		fail("neighbours", maxFixed, "want at most %d neighbours", maxFixed)
	}
	seen := make(map[netip.Addr]bool)
	for i, n := range f.Neighbours {
		switch {
		case !icmp.Unicast(n.Address) || !f.reaches(n.Address):
			fail("neighbours", i, "address %v: want that of a host in a prefix of the port's addresses", n.Address)
		case seen[n.Address]:
			fail("neighbours", i, "address %v: want each host once", n.Address)
		case n.Ethernet[0]&1 != 0 || n.Ethernet == [6]byte{}:
			fail("neighbours", i, "mac: want a unicast Ethernet address")
		}
		seen[n.Address] = true
	}
}

func (f *Interface) checkMTU(fail failFunc) {
	least := minMTU4
	if slices.ContainsFunc(f.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		least = minMTU6
	}
	if f.MTU != 0 && f.MTU < least {
		fail("mtu", -1, "want %d or more with these addresses, found %d", least, f.MTU)
	}
}

// onLink reports whether all hosts in a prefix are on the interface's link.
func (f *Interface) onLink(to netip.Prefix) bool {
	return slices.ContainsFunc(f.Addresses, func(p netip.Prefix) bool { return p.Bits() <= to.Bits() && p.Contains(to.Addr()) })
}

// reaches reports whether addr is one of a host on the interface's link.
func (f *Interface) reaches(addr netip.Addr) bool {
	has6 := false
	for _, p := range f.Addresses {
		if p.Addr() == addr {
			return false
		}
		has6 = has6 || p.Addr().Is6()
	}
	if has6 && addr.Is6() && addr.IsLinkLocalUnicast() {
		return true
	}
	return slices.ContainsFunc(f.Addresses, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// lastOf returns the last address of an IPv4 prefix, which means all hosts in it (RFC 919).
func lastOf(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		a[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(a)
}

// neighbourOptions are the bounds of the table of neighbours, and its times. A neighbour in use is asked every 300 ms,
// far more often than RFC 4861 section 10 does, so that one that is gone or has moved is noticed within a second: after
// three questions without an answer another way is taken where there is one. With more than 300 in use questions become
// rarer, so that there are a thousand a second in all; up to 500 that is still within the second.
func neighbourOptions() neighbour.Options {
	return neighbour.Options{
		Max: 16384, MaxAsked: 1024,
		Tries:     3,
		AskAgain:  time.Second, // RETRANS_TIMER
		Fresh:     300 * time.Millisecond,
		Spread:    time.Millisecond,
		Probe:     150 * time.Millisecond,
		Linger:    5 * time.Second,
		FailedFor: 5 * time.Second,
		UnusedFor: 20 * time.Minute,
		UseFor:    5 * time.Minute,
		Settle:    200 * time.Millisecond,
	}
}
