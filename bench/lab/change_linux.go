package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddAddress gives a link of the namespace an address, of use at once.
func (n *Namespace) AddAddress(link string, p netip.Prefix) error {
	return n.Do(func() error { return address(link, p) })
}

// DelAddress takes an address from a link of the namespace.
func (n *Namespace) DelAddress(link string, p netip.Prefix) error {
	return n.withLink(link, func(l netlink.Link) error { return netlink.AddrDel(l, &netlink.Addr{IPNet: network(p)}) })
}

// AddRoute has the namespace reach a prefix by a router.
func (n *Namespace) AddRoute(to netip.Prefix, via netip.Addr) error {
	return n.Do(func() error {
		if err := netlink.RouteReplace(&netlink.Route{Dst: network(to), Gw: via.AsSlice()}); err != nil {
			return fmt.Errorf("route to %s in %s: %w", to, n.name, err)
		}
		return nil
	})
}

// DelRoute takes back an AddRoute.
func (n *Namespace) DelRoute(to netip.Prefix) error {
	return n.Do(func() error {
		if err := netlink.RouteDel(&netlink.Route{Dst: network(to)}); err != nil {
			return fmt.Errorf("route to %s in %s: %w", to, n.name, err)
		}
		return nil
	})
}

// SetNeighbour has the namespace know a neighbour on a link, and ask it nothing.
func (n *Namespace) SetNeighbour(link string, addr netip.Addr, mac net.HardwareAddr) error {
	return n.withLink(link, func(l netlink.Link) error {
		return netlink.NeighSet(&netlink.Neigh{
			LinkIndex: l.Attrs().Index, IP: addr.AsSlice(), HardwareAddr: mac, State: netlink.NUD_PERMANENT,
		})
	})
}

// SetMAC changes the Ethernet address of a link of the namespace. The kernel tells nobody.
func (n *Namespace) SetMAC(link string, mac net.HardwareAddr) error {
	return n.withLink(link, func(l netlink.Link) error { return netlink.LinkSetHardwareAddr(l, mac) })
}

// Move moves a link of the namespace, with its name, into another, and brings it up there. Of a veth pair the other end
// stays where and as it is, and sees its link go down and up.
func (n *Namespace) Move(link string, to *Namespace) error {
	err := n.withLink(link, func(l netlink.Link) error { return netlink.LinkSetNsFd(l, int(to.file.Fd())) })
	if err != nil {
		return err
	}
	return to.SetLink(link, true)
}

// network returns a prefix as netlink has it.
func network(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// IsUp returns whether packets can leave by a link of the namespace: it is up and has a carrier.
func (n *Namespace) IsUp(link string) (up bool, err error) {
	err = n.withLink(link, func(l netlink.Link) error {
		up = l.Attrs().OperState == netlink.OperUp
		return nil
	})
	return up, err
}

// DelLinks removes the ends of veth pairs that are in the namespace, and with them the others.
func (n *Namespace) DelLinks() error {
	return n.Do(func() error {
		links, err := netlink.LinkList()
		if err != nil {
			return fmt.Errorf("list links of %s: %w", n.name, err)
		}
		var errs []error
		for _, link := range links {
			if link.Type() != "veth" {
				continue
			}
			// One whose other end was in a namespace that has just gone may go by itself.
			if err := netlink.LinkDel(link); !errors.Is(err, unix.ENODEV) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
}
