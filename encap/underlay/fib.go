package underlay

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/culvertdev/culvert/encap/neighbour"
)

// A hop is the next host on the way to a prefix.
type hop struct {
	link   uint16
	router netip.Addr // invalid: the destination itself
}

// A fib finds the longest prefix that an address is in.
//
// Thread-safety: it does not change once it is made.
type fib struct {
	hops    map[netip.Prefix][]hop
	lengths [2][]int // of the prefixes of IPv4 and IPv6 in hops, longest first
	routers []neighbour.Host
}

// newFIB returns the routes of all interfaces together. Where several have one to the same prefix, packets may go by
// any; a prefix that an interface reaches directly comes before routes to it.
func newFIB(ifaces []iface, kernel map[string]KernelState) fib {
	t := fib{hops: make(map[netip.Prefix][]hop)}
	for i := range ifaces {
		f := &ifaces[i]
		if f.Kernel {
			continue // its routes to prefixes reached directly are among the kernel's
		}
		for _, p := range f.addresses {
			t.add(p, hop{link: f.index})
		}
		if f.linkLocal.IsValid() {
			t.add(linkLocalPrefix, hop{link: f.index})
		}
	}
	for i := range ifaces {
		f := &ifaces[i]
		routes := f.Routes
		if f.Kernel {
			routes = kernel[f.Interface.Port].Routes
		}
		for _, r := range routes {
			t.addRoute(f.index, r)
		}
	}
	t.finish()
	return t
}

var linkLocalPrefix = netip.MustParsePrefix("fe80::/64")

func (t *fib) add(p netip.Prefix, h hop) {
	p = p.Masked()
	if list := t.hops[p]; len(list) < maxWays && !slices.Contains(list, h) {
		t.hops[p] = append(list, h)
	}
}

func (t *fib) addRoute(link uint16, r Route) {
	if list := t.hops[r.To.Masked()]; len(list) > 0 && !list[0].router.IsValid() && len(r.Via) > 0 {
		return
	}
	if len(r.Via) == 0 {
		t.add(r.To, hop{link: link})
	}
	for _, via := range r.Via {
		t.add(r.To, hop{link, via})
		if h := (neighbour.Host{Link: link, Addr: via}); !slices.Contains(t.routers, h) {
			t.routers = append(t.routers, h)
		}
	}
}

// finish sorts what look-ups go by.
func (t *fib) finish() {
	for p := range t.hops {
		l := &t.lengths[family(p.Addr())]
		if !slices.Contains(*l, p.Bits()) {
			*l = append(*l, p.Bits())
		}
	}
	for i := range t.lengths {
		slices.SortFunc(t.lengths[i], func(a, b int) int { return cmp.Compare(b, a) })
	}
	slices.SortFunc(t.routers, neighbour.Host.Compare)
}

// family is 0 for IPv4, 1 for IPv6.
func family(a netip.Addr) int {
	if a.Is6() {
		return 1
	}
	return 0
}

// lookup returns the hops of the longest prefix that addr is in and that one of the hops passes use of, none if there
// is no such prefix.
func (t *fib) lookup(addr netip.Addr, use func(hop) bool) []hop {
	for _, bits := range t.lengths[family(addr)] {
		p, err := addr.Prefix(bits)
		if err != nil {
			return nil
		}
		if list := t.hops[p]; slices.ContainsFunc(list, use) {
			return list
		}
	}
	return nil
}

// difference returns the tags of all prefixes whose hops differ in two tables.
func (t *fib) difference(o *fib, tags func(netip.Prefix) uint64) (all uint64) {
	for p, list := range t.hops {
		if !slices.Equal(list, o.hops[p]) {
			all |= tags(p)
		}
	}
	for p := range o.hops {
		if t.hops[p] == nil {
			all |= tags(p)
		}
	}
	return all
}
