package kernel

import (
	"fmt"
	"math"
	"slices"

	"github.com/culvertdev/culvert/encap/underlay"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// maxRules is how many rules about marks are taken from the kernel, which asks them one after the other, too.
const maxRules = 256

// readRules reads the rules by which packets with certain marks have routes of their own, and those routes.
func (f *Follower) readRules() (list []underlay.Rule, err error) {
	all, err := f.handle.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	rules := aboutMarks(all)
	if len(rules) == 0 {
		return nil, nil
	}
	if len(rules) > maxRules {
		f.log.Warn("the kernel has more rules about marks than are followed", "rules", len(rules), "followed", maxRules)
		rules = rules[:maxRules]
	}
	routes, err := f.handle.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("read routes of all tables: %w", err)
	}
	tables := make(map[tableOf][]netlink.Route)
	for _, r := range rules {
		tables[tableOf{r.Table, r.Family}] = nil
	}
	for _, o := range routes {
		at := tableOf{o.Table, o.Family}
		if own, ok := tables[at]; ok {
			tables[at] = append(own, o)
		}
	}
	chose := make(map[tableOf][]underlay.Route)
	for at, own := range tables {
		if len(own) > maxRoutes {
			f.log.Warn("a table of the kernel has more routes than are followed", "table", at.table, "routes", len(own), "followed", maxRoutes)
			own = own[:maxRoutes]
		}
		chose[at] = chosen(own, f.index)
	}
	for _, r := range rules {
		list = append(list, underlay.Rule{Priority: r.Priority, Table: r.Table, Mark: r.Mark, Mask: maskOf(&r), Routes: chose[tableOf{r.Table, r.Family}]})
	}
	return list, nil
}

// A tableOf names one of the kernel's tables of routes.
type tableOf struct{ table, family int }

// aboutMarks returns the rules that a packet's mark alone decides about, and that come before that which leads to the
// table main.
func aboutMarks(all []netlink.Rule) (list []netlink.Rule) {
	for i := range all {
		if r := &all[i]; r.Table != 0 && (r.Mark != 0 || r.Mask != nil) && onlyMark(r) && r.Priority < mainPriority(all, r.Family) {
			list = append(list, *r)
		}
	}
	slices.SortStableFunc(list, func(a, b netlink.Rule) int { return a.Priority - b.Priority })
	return list
}

// mainPriority returns the priority of the rule of a family that leads to the table main.
func mainPriority(all []netlink.Rule, family int) int {
	for i := range all { // in the kernel's order
		if r := &all[i]; r.Family == family && r.Table == unix.RT_TABLE_MAIN && r.Mark == 0 && r.Mask == nil && onlyMark(r) {
			return r.Priority
		}
	}
	return math.MaxInt // none: no rule comes after it
}

// onlyMark reports whether a rule asks for nothing but a mark, and has its table's routes as they are.
func onlyMark(r *netlink.Rule) bool {
	return !r.Invert && r.Src == nil && r.Dst == nil && r.IifName == "" && r.OifName == "" && r.Tos == 0 && r.TunID == 0 && r.Goto < 0 &&
		r.SuppressPrefixlen < 0 && r.SuppressIfgroup < 0 && r.IPProto == 0 && r.Dport == nil && r.Sport == nil && r.UIDRange == nil
}

// maskOf returns the bits of a mark that a rule looks at.
func maskOf(r *netlink.Rule) uint32 {
	if r.Mask == nil {
		return ^uint32(0)
	}
	return *r.Mask
}
