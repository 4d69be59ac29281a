package kernel

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// maxRoutes is how many routes are taken from the kernel: more than a data centre's fabric has, less than the Internet.
const maxRoutes = 1 << 16

// read reads addresses, routes and rules, and the neighbours too if the device is not the one that they were read of. Without a
// device there is nothing.
func (f *Follower) read() error {
	link, err := f.handle.LinkByName(f.device)
	if err != nil {
		f.stack.SetKernel(f.port, underlay.KernelState{})
		return fmt.Errorf("find the device: %w", err)
	}
	before := f.index
	f.index = link.Attrs().Index
	if err := f.readState(link); err != nil || f.index == before {
		return err
	}
	list, err := f.handle.NeighList(f.index, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("read neighbours: %w", err)
	}
	for i := range list {
		f.tell(&list[i], false)
	}
	return nil
}

// readState reads addresses, routes and rules.
func (f *Follower) readState(link netlink.Link) error {
	var k underlay.KernelState
	list, err := f.handle.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("read addresses: %w", err)
	}
	links, err := f.handle.LinkList()
	if err != nil {
		return fmt.Errorf("read devices: %w", err)
	}
	k.Addresses = addressesOf(list, links, f.index)
	routes, err := f.handle.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("read routes: %w", err)
	}
	if len(routes) > maxRoutes {
		f.log.Warn("the kernel has more routes than are followed", "routes", len(routes), "followed", maxRoutes)
		routes = routes[:maxRoutes]
	}
	k.Routes = chosen(routes, f.index)
	if k.Rules, err = f.readRules(); err != nil {
		return err
	}
	f.stack.SetKernel(f.port, k)
	return nil
}

// addressesOf returns the addresses that packets for the host have which come in by a device: its own, and after them those of
// devices without a link, lo and dummies. A router gives the host's address to one of these, so that it does not go with a link
// (BGP to the host); it is of no prefix here.
func addressesOf(list []netlink.Addr, links []netlink.Link, index int) (own []netip.Prefix) {
	linkless := make(map[int]bool)
	for _, l := range links {
		if a := l.Attrs(); a.Index != index && (a.Flags&net.FlagLoopback != 0 || l.Type() == "dummy") {
			linkless[a.Index] = a.Flags&net.FlagUp != 0
		}
	}
	var others []netip.Prefix
	for _, a := range list {
		p, ok := prefixOf(a.IPNet)
		switch {
		case !ok || a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0:
		case a.LinkIndex == index:
			own = append(own, p)
		case linkless[a.LinkIndex] && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast():
			others = append(others, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
		}
	}
	return append(own, others...)
}

// A candidate is a route, as the device sees it.
type candidate struct {
	to       netip.Prefix
	priority int
	via      []netip.Addr // out of the device; none: directly
	here     bool         // it is out of the device at all
	throw    bool         // it says that its table has no way
}

// chosen returns the routes out of a device that the kernel would take: those of the lowest metric for their prefix. A prefix
// that the kernel has no such route to, but one that leads elsewhere or nowhere, is one to which none leads: what a shorter
// prefix says is not for it. One that is thrown (ip-route(8), throw) is not in the table at all.
func chosen(routes []netlink.Route, index int) (list []underlay.Route) {
	best := make(map[netip.Prefix]int)
	var all []candidate
	for i := range routes {
		c, ok := candidateOf(&routes[i], index)
		if !ok {
			continue
		}
		if least, known := best[c.to]; !known || c.priority < least {
			best[c.to] = c.priority
		}
		all = append(all, c)
	}
	led := make(map[netip.Prefix]bool)
	for _, c := range all {
		if c.here && c.priority == best[c.to] {
			list = append(list, underlay.Route{To: c.to, Via: c.via})
			led[c.to] = true
		}
	}
	for _, c := range all {
		if !led[c.to] && c.priority == best[c.to] {
			list = append(list, underlay.Route{To: c.to, Nowhere: !c.throw, Throw: c.throw})
			led[c.to] = true
		}
	}
	return list
}

// candidateOf returns what a route is to the device; ok is false if it is no route for packets to other hosts, whatever their
// type of service. One that refuses packets is one that is not out of the device.
func candidateOf(r *netlink.Route, index int) (c candidate, ok bool) {
	switch r.Type {
	case unix.RTN_UNICAST, unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_THROW:
	default:
		return c, false
	}
	if r.Tos != 0 {
		return c, false
	}
	if c.to, ok = prefixOf(r.Dst); !ok {
		if r.Dst != nil {
			return c, false
		}
		c.to = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if r.Family == unix.AF_INET6 {
			c.to = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	c.to, c.priority, c.throw = c.to.Masked(), r.Priority, r.Type == unix.RTN_THROW
	if r.Type != unix.RTN_UNICAST || r.Encap != nil {
		return c, true
	}
	add := func(link int, gw net.IP, via netlink.Destination) {
		if link != index || via != nil { // an IPv4 route by an IPv6 router is none of ours
			return
		}
		if a, ok := netip.AddrFromSlice(gw); ok {
			c.via = append(c.via, a.Unmap())
		}
		c.here = true
	}
	if len(r.MultiPath) == 0 {
		add(r.LinkIndex, r.Gw, r.Via)
	}
	for _, n := range r.MultiPath {
		add(n.LinkIndex, n.Gw, n.Via)
	}
	return c, true
}

// prefixOf returns an address with its prefix length.
func prefixOf(n *net.IPNet) (p netip.Prefix, ok bool) {
	if n == nil {
		return p, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	bits, size := n.Mask.Size()
	if a = a.Unmap(); !ok || size == 0 {
		return p, false
	}
	if a.Is4() && size == 128 {
		bits -= 96
	}
	return netip.PrefixFrom(a, bits), bits >= 0
}
