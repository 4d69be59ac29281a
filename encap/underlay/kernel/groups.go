package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// memberships are the multicast groups that the kernel is to listen to on a device: it tells routers so, and its XDP program
// is given their packets. They end with the sockets.
//
// Thread-safety: set may be called from anywhere, the rest by one goroutine.
type memberships struct {
	news chan struct{} // of one: wanted has changed

	mu     sync.Mutex
	wanted []netip.Addr

	sockets [2]int // of IPv4 and IPv6
	index   int    // of the device
	joined  []netip.Addr
}

// newMemberships opens sockets in the network namespace of the calling thread.
func newMemberships() (*memberships, error) {
	m := &memberships{news: make(chan struct{}, 1), sockets: [2]int{-1, -1}}
	for i, family := range [...]int{unix.AF_INET, unix.AF_INET6} {
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil && !(family == unix.AF_INET6 && err == unix.EAFNOSUPPORT) {
			m.close()
			return nil, fmt.Errorf("socket for multicast groups: %w", err)
		}
		m.sockets[i] = fd
	}
	return m, nil
}

func (m *memberships) close() {
	for _, fd := range m.sockets {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// set has a group joined, or left, soon.
func (m *memberships) set(group netip.Addr, join bool) {
	m.mu.Lock()
	m.wanted = slices.DeleteFunc(m.wanted, func(a netip.Addr) bool { return a == group })
	if join {
		m.wanted = append(m.wanted, group)
	}
	m.mu.Unlock()
	select {
	case m.news <- struct{}{}:
	default: // somebody is about to look
	}
}

// settle joins and leaves groups on the device with an index as it has to be. Memberships of a device that is gone are
// gone.
func (m *memberships) settle(index int) (errs []error) {
	m.mu.Lock()
	wanted := slices.Clone(m.wanted)
	m.mu.Unlock()
	if index != m.index {
		m.index, m.joined = index, nil
	}
	if index == 0 {
		return nil
	}
	kept := m.joined[:0]
	for _, g := range m.joined {
		if slices.Contains(wanted, g) {
			kept = append(kept, g)
		} else if err := m.apply(g, unix.IP_DROP_MEMBERSHIP, unix.IPV6_LEAVE_GROUP); err != nil {
			errs = append(errs, fmt.Errorf("leave group %v: %w", g, err))
		}
	}
	m.joined = kept
	for _, g := range wanted {
		if slices.Contains(m.joined, g) {
			continue
		}
		if err := m.apply(g, unix.IP_ADD_MEMBERSHIP, unix.IPV6_JOIN_GROUP); err != nil {
			errs = append(errs, fmt.Errorf("join group %v: %w", g, err))
			continue
		}
		m.joined = append(m.joined, g)
	}
	return errs
}

// apply sets a socket option about a group: opt4 for IPv4, opt6 for IPv6.
func (m *memberships) apply(g netip.Addr, opt4, opt6 int) error {
	if g.Is4() {
		return unix.SetsockoptIPMreqn(m.sockets[0], unix.IPPROTO_IP, opt4, &unix.IPMreqn{Multiaddr: g.As4(), Ifindex: int32(m.index)})
	}
	return unix.SetsockoptIPv6Mreq(m.sockets[1], unix.IPPROTO_IPV6, opt6, &unix.IPv6Mreq{Multiaddr: g.As16(), Interface: uint32(m.index)})
}
