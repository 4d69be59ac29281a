package suite

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/culvertdev/culvert/bench/lab"
	"github.com/culvertdev/culvert/bench/switches"
)

// hostTunnel is a VXLAN from the switch to the second host of a lab, whose kernel is its other end.
func hostTunnel() *switches.Tunnel {
	return &switches.Tunnel{
		Type: "vxlan", Key: 42, Near: netip.MustParseAddr("10.77.0.100"), Far: netip.MustParseAddr("10.77.0.2"),
		NearMAC: [6]byte{2, 0x77, 0, 0, 0, 100}, FarMAC: [6]byte{2, 0x77, 0, 0, 0, 2},
	}
}

// farLink is what the second host calls its end.
const farLink = "vx0"

// wrap puts the hosts of a lab at the two ends of a network inside a tunnel: their addresses are those inside then.
func wrap(l *lab.Lab, t *switches.Tunnel) error {
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
		vxlan := &netlink.Vxlan{LinkAttrs: attrs, VxlanId: int(t.Key), SrcAddr: t.Far.AsSlice(), Group: t.Near.AsSlice(), Port: 4789, Learning: true}
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
