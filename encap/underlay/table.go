package underlay

import (
	"cmp"
	"net/netip"
	"slices"
)

// A table has the next hosts on the way to each prefix. Its zero value is empty, and stays so.
type table struct {
	hops    map[netip.Prefix][]hop // empty: the prefix leads nowhere
	thrown  map[netip.Prefix]bool  // for these it is as if there were no shorter prefixes; none is in hops
	lengths [2][]int               // of the prefixes of IPv4 and IPv6 in both, longest first
}

func newTable() table {
	return table{hops: make(map[netip.Prefix][]hop), thrown: make(map[netip.Prefix]bool)}
}

func (t *table) add(p netip.Prefix, h hop) {
	p = p.Masked()
	if list := t.hops[p]; len(list) < maxWays && !slices.Contains(list, h) {
		t.hops[p] = append(list, h)
	}
}

// addRoute adds a route out of an interface, unless its prefix is reached directly, and reports whether it did.
func (t *table) addRoute(link uint16, r Route) bool {
	if list := t.hops[r.To.Masked()]; len(list) > 0 && !list[0].router.IsValid() && len(r.Via) > 0 {
		return false
	}
	if r.Nowhere {
		if to := r.To.Masked(); t.hops[to] == nil { // else another interface's leads there
			t.hops[to] = []hop{}
		}
		return true
	}
	if r.Throw {
		t.thrown[r.To.Masked()] = true
		return true
	}
	if len(r.Via) == 0 {
		t.add(r.To, hop{link: link})
	}
	for _, via := range r.Via {
		t.add(r.To, hop{link, via})
	}
	return true
}

// finish sorts what look-ups go by.
func (t *table) finish() {
	note := func(p netip.Prefix) {
		if l := &t.lengths[family(p.Addr())]; !slices.Contains(*l, p.Bits()) {
			*l = append(*l, p.Bits())
		}
	}
	for p := range t.hops {
		delete(t.thrown, p) // another interface's leads there
		note(p)
	}
	for p := range t.thrown {
		note(p)
	}
	for i := range t.lengths {
		slices.SortFunc(t.lengths[i], func(a, b int) int { return cmp.Compare(b, a) })
	}
}

// family is 0 for IPv4, 1 for IPv6.
func family(a netip.Addr) int {
	if a.Is6() {
		return 1
	}
	return 0
}

// lookup returns the hops of the longest prefix that addr is in and that one of the hops passes use of, nil if there
// is no such prefix, or a longer one is thrown. They are empty, but not nil, where a longer prefix leads nowhere.
func (t *table) lookup(addr netip.Addr, use func(hop) bool) []hop {
	for _, bits := range t.lengths[family(addr)] {
		p, err := addr.Prefix(bits)
		if err != nil {
			return nil
		}
		if t.thrown[p] {
			return nil
		}
		if list := t.hops[p]; list != nil && len(list) == 0 || slices.ContainsFunc(list, use) {
			return list
		}
	}
	return nil
}

// difference returns the tags of all prefixes whose hops differ in two tables.
func (t *table) difference(o *table, tags func(netip.Prefix) uint64) (all uint64) {
	for p, list := range t.hops {
		if others := o.hops[p]; others == nil || !slices.Equal(list, others) {
			all |= tags(p)
		}
	}
	for p := range o.hops {
		if t.hops[p] == nil {
			all |= tags(p)
		}
	}
	for p := range t.thrown {
		if !o.thrown[p] {
			all |= tags(p)
		}
	}
	for p := range o.thrown {
		if !t.thrown[p] {
			all |= tags(p)
		}
	}
	return all
}
