package underlay

import (
	"net/netip"

	"github.com/culvertdev/culvert/encap/wire"
)

// announce tells everybody on the links about addresses that are new (RFC 5227 section 2.3, RFC 4861 section 7.2.6). The
// lock is held.
func (s *Stack) announce(now int64) {
	for i := range s.ifaces {
		f := &s.ifaces[i]
		if f.Kernel || !f.up() || f.announced == announcements || now < f.announce {
			continue
		}
		f.announced, f.announce = f.announced+1, now+int64(announceEvery)
		for _, p := range f.addresses {
			s.announceOne(f, p.Addr())
		}
		if f.linkLocal.IsValid() {
			s.announceOne(f, f.linkLocal)
		}
	}
}

func (s *Stack) announceOne(f *iface, addr netip.Addr) {
	if addr.Is4() {
		s.send(f, wire.NewARP(wire.Broadcast, wire.ARPRequest, f.MAC, addr, [6]byte{}, addr))
		return
	}
	all := netip.IPv6LinkLocalAllNodes()
	s.send(f, wire.NewND(wire.GroupMAC(all), f.MAC, addr, all, wire.NDAdvert, wire.NDOverride, addr))
}
