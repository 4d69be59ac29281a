package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// HostLink is what a host calls its link.
const HostLink = "eth0"

// A Lab is a namespace for the switch and hosts in namespaces of their own, each on a veth pair whose
// other end is in the switch's.
type Lab struct {
	Switch *Namespace
	Hosts  []*Host
}

// A Host is a namespace with one link, HostLink, to the switch.
type Host struct {
	*Namespace
	Port string // the other end of its link, in the switch's namespace
	MAC  net.HardwareAddr
	IPv4 netip.Prefix
	IPv6 netip.Prefix
	lab  *Lab
	link Link
}

// New makes a lab without hosts.
func New() (*Lab, error) {
	sw, err := NewNamespace("switch")
	if err != nil {
		return nil, err
	}
	return &Lab{Switch: sw}, nil
}

// MaxHosts is how many hosts fit in a lab's addresses.
const MaxHosts = 250

// AddHost adds a host, host i having the addresses 10.77.0.i/24 and fd77::i/64 and the MAC
// 02:77:00:00:00:i, from 1. The switch's end of its link is called port.
func (l *Lab) AddHost(name, port string, link Link) (*Host, error) {
	i := len(l.Hosts) + 1
	if i > MaxHosts {
		return nil, fmt.Errorf("host %s: want at most %d hosts", name, MaxHosts)
	}
	n, err := NewNamespace(name)
	if err != nil {
		return nil, err
	}
	v6 := netip.MustParseAddr("fd77::").As16()
	v6[15] = byte(i)
	h := &Host{
		Namespace: n, Port: port, lab: l, link: link,
		MAC:  net.HardwareAddr{2, 0x77, 0, 0, 0, byte(i)},
		IPv4: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, 0, byte(i)}), 24),
		IPv6: netip.PrefixFrom(netip.AddrFrom16(v6), 64),
	}
	if err := h.Connect(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	l.Hosts = append(l.Hosts, h)
	return h, nil
}

// Connect makes the host's link, which is there after AddHost and gone after DelLink of either end.
func (h *Host) Connect() error {
	if err := h.lab.Switch.Join(h.Port, h.Namespace, HostLink, h.link); err != nil {
		return fmt.Errorf("connect %s: %w", h.Name(), err)
	}
	return h.Do(func() error {
		l, err := netlink.LinkByName(HostLink)
		if err != nil {
			return fmt.Errorf("find link %s: %w", HostLink, err)
		}
		if err := netlink.LinkSetHardwareAddr(l, h.MAC); err != nil {
			return fmt.Errorf("give %s the address %s: %w", HostLink, h.MAC, err)
		}
		if err := errors.Join(address(HostLink, h.IPv4), address(HostLink, h.IPv6)); err != nil || h.link.Down {
			return err
		}
		return setUp(HostLink)
	})
}

// Close removes every link and leaves all namespaces. Processes started in them must have ended.
func (l *Lab) Close() error {
	// The links first: when the last reference to a host's namespace is gone the kernel removes them too,
	// at a time of its own.
	errs := []error{l.Switch.DelLinks()}
	for _, h := range l.Hosts {
		errs = append(errs, h.Close())
	}
	return errors.Join(append(errs, l.Switch.Close())...)
}

// Namespaces returns all namespaces of the lab, the switch's first.
func (l *Lab) Namespaces() []*Namespace {
	all := []*Namespace{l.Switch}
	for _, h := range l.Hosts {
		all = append(all, h.Namespace)
	}
	return all
}
