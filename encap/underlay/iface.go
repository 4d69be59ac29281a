package underlay

import (
	"net/netip"

	"github.com/culvertdev/culvert/encap/neighbour"
	"github.com/culvertdev/culvert/encap/wire"
)

// An iface is an interface and the port it is on.
type iface struct {
	*Interface
	Port
	index     uint16
	there     bool           // the port is
	addresses []netip.Prefix // of the configuration, or the kernel's
	linkLocal netip.Addr     // invalid without an IPv6 address; one of addresses where the kernel chooses it
	mtu       int            // bytes; 0: not known
	announced int            // announcements of the addresses made
	announce  int64          // ns: when the next is due
	defended  int64          // ns: when an address was last defended
	oldRouter [2]spokenTo    // by family: multicast routers of older versions
}

// up reports whether packets can leave by the interface.
func (f *iface) up() bool { return f.there && f.Up }

// setAddresses gives the interface its addresses, and with one of IPv6 a link-local one.
func (f *iface) setAddresses(list []netip.Prefix) {
	f.addresses = list
	for _, p := range list {
		if p.Addr().Is6() && (p.Addr().IsLinkLocalUnicast() || !f.linkLocal.IsValid()) {
			f.linkLocal = wire.LinkLocal(f.MAC)
			if p.Addr().IsLinkLocalUnicast() {
				f.linkLocal = p.Addr()
				return
			}
		}
	}
}

// owns reports whether addr is an address of the interface.
func (f *iface) owns(addr netip.Addr) bool {
	for _, p := range f.addresses {
		if p.Addr() == addr {
			return true
		}
	}
	return f.linkLocal.IsValid() && addr == f.linkLocal
}

// direct reports whether addr is one of another host on the link.
func (f *iface) direct(addr netip.Addr) bool {
	if f.owns(addr) {
		return false
	}
	for _, p := range f.addresses {
		if p.Contains(addr) {
			return true
		}
	}
	return f.linkLocal.IsValid() && addr.Is6() && addr.IsLinkLocalUnicast()
}

// from returns the address to speak to addr from: that of the prefix addr is in, else the first of the family; invalid
// if there is none.
func (f *iface) from(addr netip.Addr) (own netip.Addr) {
	if addr.Is6() && (addr.IsLinkLocalUnicast() || addr.IsLinkLocalMulticast()) {
		return f.linkLocal
	}
	for _, p := range f.addresses {
		switch a := p.Addr(); {
		case a.Is4() != addr.Is4() || a.Is6() && a.IsLinkLocalUnicast():
		case p.Contains(addr):
			return a
		case !own.IsValid():
			own = a
		}
	}
	return own
}

// host returns the name of a neighbour on the interface.
func (f *iface) host(addr netip.Addr) neighbour.Host {
	return neighbour.Host{Link: f.index, Addr: addr}
}

// send sends a packet that has no tag yet. The lock is held.
func (s *Stack) send(f *iface, pkt []byte) bool {
	if f.Send == nil || !f.Send(f.VLAN, pkt) {
		s.tally.unsent.Add(1)
		return false
	}
	return true
}

// ask asks a neighbour, or with a zero Ethernet address all hosts on its link, what its Ethernet address is (RFC 826;
// RFC 4861 section 7.2.2). The lock is held.
func (s *Stack) ask(h neighbour.Host, to [6]byte) {
	f := &s.ifaces[h.Link]
	if f.Kernel {
		if s.o.AskKernel != nil {
			s.o.AskKernel(f.Interface.Port, h.Addr)
		}
		return
	}
	src := f.from(h.Addr)
	if !src.IsValid() || !f.up() {
		return
	}
	s.tally.asked.Add(1)
	everybody := to == [6]byte{}
	if h.Addr.Is4() {
		if everybody {
			to = wire.Broadcast
		}
		s.send(f, wire.NewARP(to, wire.ARPRequest, f.MAC, src, [6]byte{}, h.Addr))
		return
	}
	dst := h.Addr
	if everybody {
		dst, to = wire.SolicitedNode(h.Addr)
	}
	s.send(f, wire.NewND(to, f.MAC, src, dst, wire.NDSolicit, 0, h.Addr))
}
