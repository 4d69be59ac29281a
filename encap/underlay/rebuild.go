package underlay

import (
	"net/netip"
	"slices"
	"time"

	"github.com/culvertdev/culvert/encap/neighbour"
)

// New addresses are announced so often, this far apart (RFC 5227 section 2.3).
const (
	announcements = 2
	announceEvery = 2 * time.Second
)

// A KernelState is what the host's kernel has for an interface.
type KernelState struct {
	Addresses []netip.Prefix
	// Routes are those out of the interface: one without a router is to a prefix that is reached directly.
	Routes []Route
	Rules  []Rule // asked before Routes, in the order of their priority
}

// A Rule has packets with certain marks go by routes of their own where it has one, by what comes after it otherwise.
type Rule struct {
	Priority   int    // lowest first
	Table      int    // of the kernel, that it leads to: several rules of one priority are asked one after the other
	Mark, Mask uint32 // it is about marks that have the bits of Mask as Mark has them
	Routes     []Route
}

// about reports whether the rule is about packets with a mark.
func (r *Rule) about(mark uint32) bool { return (mark^r.Mark)&r.Mask == 0 }

// same reports whether two rules ask the same of a packet, and lead to the same table.
func (r *Rule) same(o *Rule) bool {
	return r.Priority == o.Priority && r.Table == o.Table && r.Mark == o.Mark && r.Mask == o.Mask
}

// SetKernel says what the kernel has for the interface of a port.
func (s *Stack) SetKernel(port string, k KernelState) {
	s.mu.Lock()
	s.kernel[port] = k
	s.rebuild()
	s.mu.Unlock()
	s.tell()
}

// SetNeighbour says what the kernel knows of a neighbour of the interface of a port: Told with its address, Asked,
// Failed, or Unknown when it is forgotten.
func (s *Stack) SetNeighbour(port string, addr netip.Addr, state neighbour.State, mac [6]byte) {
	s.mu.Lock()
	for i := range s.ifaces {
		if f := &s.ifaces[i]; f.Kernel && f.Interface.Port == port {
			if s.neighbours.Tell(f.host(addr), state, mac, s.o.Clock()) {
				s.log.changed(s.hostTag(f.host(addr)))
			}
		}
	}
	s.mu.Unlock()
	s.tell()
}

// rebuild puts configuration, ports and what the kernel says together. What has changed for packets is logged; all
// else, and the neighbours that are known, stay. The lock is held.
func (s *Stack) rebuild() {
	old := s.ifaces
	s.ifaces = make([]iface, len(s.config.Interfaces))
	s.byPort = make(map[uint32]*iface)
	for i := range s.ifaces {
		f := &s.ifaces[i]
		f.Interface, f.index = &s.config.Interfaces[i], uint16(i)
		s.fill(f)
		var was *iface
		if i < len(old) && old[i].onSameLink(f.Interface) {
			was = &old[i]
			f.announced, f.announce, f.defended, f.oldRouter = was.announced, was.announce, was.defended, was.oldRouter
		}
		s.compare(was, f)
	}
	for i := len(s.ifaces); i < len(old); i++ {
		s.log.changed(s.ifaceTag(uint16(i)) | s.ifaceTag(anyIface))
	}
	fib := newFIB(s.ifaces, s.kernel)
	s.log.changed(s.fib.difference(&fib, s.prefixTags))
	s.fib = fib
	s.listen()
}

// fill gives the interface its port and addresses.
func (s *Stack) fill(f *iface) {
	f.Port, f.there = s.ports[f.Interface.Port]
	if f.Ethernet != [6]byte{} {
		f.MAC = f.Ethernet
	}
	f.mtu = f.Interface.MTU
	if f.mtu == 0 || f.Port.MTU > 0 && f.Port.MTU < f.mtu {
		f.mtu = f.Port.MTU
	}
	list := f.Interface.Addresses
	if f.Kernel {
		list = s.kernel[f.Interface.Port].Addresses
	}
	f.setAddresses(list)
	if f.there {
		s.byPort[f.ID] = f
	}
}

// compare logs in what an interface differs from what it was, nil for none. One that comes up announces its addresses.
func (s *Stack) compare(was, f *iface) {
	if was == nil || was.ID != f.ID || was.MAC != f.MAC || was.mtu != f.mtu || was.up() != f.up() || was.VLAN != f.VLAN ||
		!slices.Equal(was.addresses, f.addresses) {
		s.log.changed(s.ifaceTag(f.index) | s.ifaceTag(anyIface))
	}
	if f.up() && !f.Kernel && (was == nil || !was.up() || was.MAC != f.MAC) {
		f.announced, f.announce = 0, s.o.Clock()
	}
}
