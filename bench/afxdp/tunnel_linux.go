package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/vishvananda/netlink"
)

// With --vxlan the second host is the other end of a VXLAN, its kernel's, and the switch puts all packets of the first one
// into it. The hosts' addresses are then those inside.
const (
	tunnelKey = 42
	innerMTU  = 1450          // bytes: 1500 without the headers of a VXLAN over IPv4
	farLink   = "vx0"         // what the second host calls its end
	under     = "under"       // the bridge, and Open vSwitch's interface, of the outer packets
	nearEnd   = "10.77.0.100" // the switch's address
	farEnd    = "10.77.0.2"   // the second host's
)

// wrap puts the hosts of a lab at the two ends of a network inside a VXLAN.
func wrap(l *lab.Lab) error {
	alice, bob := l.Hosts[0], l.Hosts[1]
	alice.IPv4, bob.IPv4 = netip.MustParsePrefix("10.88.0.1/24"), netip.MustParsePrefix("10.88.0.2/24")
	err := alice.Do(func() error {
		link, err := netlink.LinkByName(lab.HostLink)
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetMTU(link, innerMTU), give(link, alice.IPv4))
	})
	if err != nil {
		return fmt.Errorf("address of %s: %w", alice.Name(), err)
	}
	err = bob.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = farLink, innerMTU
		vxlan := &netlink.Vxlan{LinkAttrs: attrs, VxlanId: tunnelKey, SrcAddr: net.ParseIP(farEnd), Group: net.ParseIP(nearEnd), Port: 4789, Learning: true}
		if err := netlink.LinkAdd(vxlan); err != nil {
			return err
		}
		return errors.Join(give(vxlan, bob.IPv4), netlink.LinkSetUp(vxlan))
	})
	if err != nil {
		return fmt.Errorf("tunnel of %s: %w", bob.Name(), err)
	}
	return nil
}

// give gives a link of the calling thread's namespace one address in the place of those it has.
func give(link netlink.Link, p netip.Prefix) error {
	all, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	for _, a := range all {
		err = errors.Join(err, netlink.AddrDel(link, &a))
	}
	mask := net.CIDRMask(p.Bits(), p.Addr().BitLen())
	return errors.Join(err, netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: mask}}))
}
