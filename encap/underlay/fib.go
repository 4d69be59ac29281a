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

// A fib finds the longest prefix that an address is in, among the routes for packets with a mark.
//
// Thread-safety: it does not change once it is made.
type fib struct {
	plain  table            // for packets without a mark
	static table            // those of plain that are not the kernel's
	marked map[uint32]table // for packets with just this mark
	// rules are the kernel's, in its order: where the first that is about a mark has no route, the next is asked. Routes for
	// just the mark come before, plain or kernel after all of them.
	rules   []ruled
	kernel  table // the kernel's routes of plain, for packets with a mark
	routers []neighbour.Host
}

// ruled is what a rule of the kernel leads to.
type ruled struct {
	Rule
	table
}

// newFIB returns the routes of all interfaces together. Where several have one to the same prefix, packets may go by
// any; a prefix that an interface reaches directly comes before routes to it.
func newFIB(ifaces []iface, kernel map[string]KernelState) fib {
	t := fib{plain: newTable(), static: newTable(), kernel: newTable(), marked: make(map[uint32]table)}
	for i := range ifaces {
		f := &ifaces[i]
		if f.Kernel {
			continue // its routes to prefixes reached directly are among the kernel's
		}
		own := f.addresses
		if f.linkLocal.IsValid() {
			own = append(slices.Clip(own), linkLocalPrefix)
		}
		for _, p := range own {
			t.plain.add(p, hop{link: f.index})
			t.static.add(p, hop{link: f.index})
		}
	}
	for _, direct := range []bool{true, false} {
		for i := range ifaces {
			t.addIface(&ifaces[i], kernel, direct)
		}
	}
	t.finish()
	return t
}

var linkLocalPrefix = netip.MustParsePrefix("fe80::/64")

// addIface adds the routes out of an interface, either those to what is reached directly or those by routers.
func (t *fib) addIface(f *iface, kernel map[string]KernelState, direct bool) {
	if !f.Kernel {
		t.addRoutes(f.index, f.Routes, direct)
		for _, r := range f.Routes {
			if r.Mark == 0 && r.direct() == direct {
				t.static.addRoute(f.index, r)
			}
		}
		return
	}
	k := kernel[f.Interface.Port]
	t.addRoutes(f.index, k.Routes, direct)
	for _, r := range k.Routes {
		if r.direct() == direct {
			t.kernel.addRoute(f.index, r)
		}
	}
	for _, r := range k.Rules {
		t.addRule(f.index, r, direct)
	}
}

// direct reports whether hosts of the prefix are reached without a router.
func (r *Route) direct() bool { return len(r.Via) == 0 && !r.Nowhere && !r.Throw }

func (t *fib) addRoutes(link uint16, routes []Route, direct bool) {
	for _, r := range routes {
		if r.direct() != direct {
			continue
		}
		to := t.plain
		if r.Mark != 0 {
			if _, ok := t.marked[r.Mark]; !ok {
				t.marked[r.Mark] = newTable()
			}
			to = t.marked[r.Mark]
		}
		t.addRoute(&to, link, r)
	}
}

// addRule adds what a rule leads to out of an interface. That of several interfaces is one.
func (t *fib) addRule(link uint16, r Rule, direct bool) {
	at := slices.IndexFunc(t.rules, func(o ruled) bool { return o.same(&r) })
	if at < 0 {
		at = len(t.rules)
		t.rules = append(t.rules, ruled{Rule{Priority: r.Priority, Table: r.Table, Mark: r.Mark, Mask: r.Mask}, newTable()})
	}
	for _, one := range r.Routes {
		if one.direct() == direct {
			t.addRoute(&t.rules[at].table, link, one)
		}
	}
}

// addRoute adds a route out of an interface to one of the tables.
func (t *fib) addRoute(to *table, link uint16, r Route) {
	if !to.addRoute(link, r) {
		return
	}
	for _, via := range r.Via {
		if h := (neighbour.Host{Link: link, Addr: via}); !slices.Contains(t.routers, h) {
			t.routers = append(t.routers, h)
		}
	}
}

// finish sorts what look-ups go by.
func (t *fib) finish() {
	t.plain.finish()
	t.static.finish()
	t.kernel.finish()
	for mark, m := range t.marked {
		m.finish()
		t.marked[mark] = m
	}
	for i := range t.rules {
		t.rules[i].finish()
	}
	slices.SortStableFunc(t.rules, func(a, b ruled) int { return cmp.Compare(a.Priority, b.Priority) })
	slices.SortFunc(t.routers, neighbour.Host.Compare)
}

// lookup returns the hops of the longest prefix that addr is in and that one of the hops passes use of, for packets with
// a mark, 0 for those without; none if there is no such prefix. A mark that no route is for leads nowhere, but by the
// kernel's routes, which are for all. That the kernel leads a prefix elsewhere is not for interfaces that are not its own.
func (t *fib) lookup(addr netip.Addr, mark uint32, use func(hop) bool) []hop {
	if own, ok := t.marked[mark]; ok {
		if list := own.lookup(addr, use); list != nil {
			return list
		}
	}
	for i := range t.rules {
		if r := &t.rules[i]; r.about(mark) {
			if list := r.lookup(addr, use); list != nil {
				return list
			}
		}
	}
	if mark == 0 {
		if list := t.plain.lookup(addr, use); len(list) > 0 {
			return list
		}
		return t.static.lookup(addr, use)
	}
	return t.kernel.lookup(addr, use)
}

// difference returns the tags of all prefixes whose hops differ in two tables.
func (t *fib) difference(o *fib, tags func(netip.Prefix) uint64) uint64 {
	all := t.plain.difference(&o.plain, tags) | t.kernel.difference(&o.kernel, tags)
	for mark := range t.marked {
		mine, others := t.marked[mark], o.marked[mark]
		all |= mine.difference(&others, tags)
	}
	for mark, others := range o.marked {
		if mine, ok := t.marked[mark]; !ok {
			all |= mine.difference(&others, tags)
		}
	}
	if !slices.EqualFunc(t.rules, o.rules, func(a, b ruled) bool { return a.same(&b.Rule) }) {
		return ^uint64(0)
	}
	for i := range t.rules {
		all |= t.rules[i].difference(&o.rules[i].table, tags)
	}
	return all
}
