package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Link says how to make a veth pair. The zero value is what the kernel makes by itself, with one
// queue.
type Link struct {
	MTU    int // bytes; 0: 1500
	Queues int // receive and transmit queues of the switch's end; 0: 1
	// Down leaves the host's end down, so that the host sends nothing before somebody listens.
	Down bool
}

// addrGenNone is IN6_ADDR_GEN_MODE_NONE of linux include/uapi/linux/if_link.h.
const addrGenNone = 1

// Join makes a veth pair: an end called near in n, up and without an IPv6 address of its own, and one called far in
// other, down.
func (n *Namespace) Join(near string, other *Namespace, far string, l Link) error {
	if l.MTU == 0 {
		l.MTU = 1500
	}
	if l.Queues == 0 {
		l.Queues = 1
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = near, l.MTU
	attrs.NumRxQueues, attrs.NumTxQueues = l.Queues, l.Queues
	pair := &netlink.Veth{
		LinkAttrs: attrs, PeerName: far, PeerNamespace: netlink.NsFd(other.file.Fd()), PeerMTU: uint32(l.MTU),
		PeerNumRxQueues: uint32(l.Queues), PeerNumTxQueues: uint32(l.Queues),
	}
	return n.Do(func() error {
		if err := netlink.LinkAdd(pair); err != nil {
			return fmt.Errorf("make veth pair %s: %w", near, err)
		}
		// The switch's end is no host: without an address of its own it has nothing to say by itself.
		if err := netlink.LinkSetIP6AddrGenMode(pair, addrGenNone); err != nil {
			return fmt.Errorf("keep IPv6 off %s: %w", near, err)
		}
		return setUp(near)
	})
}

// setUp brings a link of the calling thread's namespace up.
func setUp(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return fmt.Errorf("bring link %s up: %w", name, err)
	}
	return nil
}

// address gives a link of the calling thread's namespace an address. IPv6 addresses are usable at once:
// in a lab nobody else can have them.
func address(name string, p netip.Prefix) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	a := &netlink.Addr{IPNet: network(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := netlink.AddrAdd(l, a); err != nil {
		return fmt.Errorf("give %s the address %s: %w", name, p, err)
	}
	return nil
}

// SetLink brings a link of the namespace up or down.
func (n *Namespace) SetLink(name string, up bool) error {
	return n.withLink(name, func(l netlink.Link) error {
		if up {
			return netlink.LinkSetUp(l)
		}
		return netlink.LinkSetDown(l)
	})
}

// SetMTU changes the MTU of a link of the namespace, in bytes.
func (n *Namespace) SetMTU(name string, mtu int) error {
	return n.withLink(name, func(l netlink.Link) error { return netlink.LinkSetMTU(l, mtu) })
}

// DelLink removes a link of the namespace; of a veth pair the other end goes too.
func (n *Namespace) DelLink(name string) error {
	return n.withLink(name, netlink.LinkDel)
}

func (n *Namespace) withLink(name string, f func(netlink.Link) error) error {
	return n.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err == nil {
			err = f(l)
		}
		if err != nil {
			return fmt.Errorf("link %s in %s: %w", name, n.name, err)
		}
		return nil
	})
}

// LinkCount is what the kernel has counted on a link since it was made.
type LinkCount struct {
	RxPackets, TxPackets, RxBytes, TxBytes uint64
	RxDropped, TxDropped                   uint64
}

// Count returns the kernel's counters of a link.
func (n *Namespace) Count(name string) (LinkCount, error) {
	var c LinkCount
	err := n.withLink(name, func(l netlink.Link) error {
		if s := l.Attrs().Statistics; s != nil {
			c = LinkCount{s.RxPackets, s.TxPackets, s.RxBytes, s.TxBytes, s.RxDropped, s.TxDropped}
		}
		return nil
	})
	return c, err
}

// Links returns the names of the namespace's links other than loopback, each with "+xdp" behind it when
// an XDP program is attached.
func (n *Namespace) Links() ([]string, error) {
	var names []string
	err := n.Do(func() error {
		links, err := netlink.LinkList()
		if err != nil {
			return fmt.Errorf("list links of %s: %w", n.name, err)
		}
		for _, l := range links {
			a := l.Attrs()
			if a.Flags&net.FlagLoopback != 0 {
				continue
			}
			name := a.Name
			if a.Xdp != nil && a.Xdp.Attached {
				name += "+xdp"
			}
			names = append(names, name)
		}
		return nil
	})
	return names, err
}
