package openflow

import (
	"fmt"
	"strings"

	"github.com/culvertdev/culvert/flowcache/flow"
)

// A Filter selects flows, as the argument of ovs-ofctl del-flows and dump-flows does. [ParseFilter]
// makes one; the zero value selects the flows of table 0.
type Filter struct {
	Table              uint8 // NoTable: all
	Match              flow.Match
	Strict             bool   // only flows of exactly Match and Priority; otherwise all whose match Match includes
	Priority           uint16 // Strict
	Cookie, CookieMask uint64 // only flows whose cookie is Cookie in these bits
	OutPort            uint32 // only flows that name this output; 0: all
	OutGroup           uint32 // only flows that name this group, if HasOutGroup
	HasOutGroup        bool
}

// AllFlows selects every flow of every table.
func AllFlows() Filter { return Filter{Table: NoTable} }

// ParseFilter reads a filter in ovs-ofctl's syntax: match fields, table=, cookie=value/mask, out_port=,
// out_group=, and priority= if strict. The empty text selects all flows. An error is a [*SyntaxError].
func (p Parser) ParseFilter(s string, strict bool) (Filter, error) {
	f, sp, err := p.parse(s)
	if err != nil {
		return Filter{}, err
	}
	switch {
	case sp.hasActions:
		return Filter{}, &SyntaxError{Col: sp.actionsAt + 1, Problem: "actions: want none in a match of flows"}
	case sp.priority && !strict:
		return Filter{}, &SyntaxError{Col: 1, Problem: "priority: want it in strict matches only"}
	}
	if sp.hasCookie {
		sp.cookieMatch, sp.cookieMask = f.Cookie, ^uint64(0)
	}
	return filterOf(&f, sp, strict), nil
}

// ParseFilter reads a filter with ports by number; see [Parser.ParseFilter].
func ParseFilter(s string, strict bool) (Filter, error) { return Parser{}.ParseFilter(s, strict) }

func filterOf(f *Flow, sp spec, strict bool) Filter {
	filter := Filter{
		Table: NoTable, Match: f.Match, Strict: strict, Priority: f.Priority,
		Cookie: sp.cookieMatch, CookieMask: sp.cookieMask, OutPort: sp.outPort,
		OutGroup: sp.outGroup, HasOutGroup: sp.hasOutGroup,
	}
	if sp.table {
		filter.Table = f.Table
	}
	return filter
}

// String returns the filter as ParseFilter takes it.
func (x *Filter) String() string {
	var b []byte
	if x.CookieMask != 0 {
		b = fmt.Appendf(b, "cookie=%#x/%#x, ", x.Cookie, x.CookieMask)
	}
	if x.Table != NoTable {
		b = fmt.Appendf(b, "table=%d, ", x.Table)
	}
	if x.OutPort != 0 {
		b = fmt.Appendf(b, "out_port=%d, ", x.OutPort)
	}
	if x.HasOutGroup {
		b = fmt.Appendf(b, "out_group=%d, ", x.OutGroup)
	}
	f := Flow{Priority: DefaultPriority, Match: x.Match}
	if x.Strict {
		f.Priority = x.Priority
	}
	return strings.TrimSuffix(string(f.appendSelector(b, nil)), ", ")
}

// selects reports whether f is one of the filter's flows; its table is right already.
func (x *Filter) selects(f *Flow) bool {
	switch {
	case (f.Cookie^x.Cookie)&x.CookieMask != 0,
		x.OutPort != 0 && !f.OutputsTo(x.OutPort),
		x.HasOutGroup && !f.OutputsToGroup(x.OutGroup):
		return false
	case x.Strict:
		return f.Priority == x.Priority && f.Match == x.Match
	}
	return x.Match.Covers(&f.Match)
}
