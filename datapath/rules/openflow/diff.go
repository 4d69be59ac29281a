package openflow

import (
	"cmp"
	"fmt"
	"slices"
)

// Diff returns what ovs-ofctl diff-flows prints of two sets of flows: with - the flows of a that b has not,
// with + those of b that a has not, by table, the highest priority first. Flows that differ in cookie,
// timeouts, importance or actions are both. Of two flows of one match and priority in a set the last
// counts.
func Diff(a, b []Flow) []string {
	type selector struct {
		table    uint8
		priority uint16
		match    string
	}
	type pair [2]*Flow
	pairs := make(map[selector]*pair)
	for side, list := range [...][]Flow{a, b} {
		for i := range list {
			f := &list[i]
			key := selector{f.Table, f.Priority, f.MatchText()}
			if pairs[key] == nil {
				pairs[key] = new(pair)
			}
			pairs[key][side] = f
		}
	}
	var order []selector
	for key, p := range pairs {
		if p[0] == nil || p[1] == nil || !p[0].same(p[1]) {
			order = append(order, key)
		}
	}
	slices.SortFunc(order, func(a, b selector) int {
		return cmp.Or(cmp.Compare(a.table, b.table), -cmp.Compare(a.priority, b.priority), cmp.Compare(a.match, b.match))
	})
	var lines []string
	for _, key := range order {
		for side, sign := range "-+" {
			if f := pairs[key][side]; f != nil {
				lines = append(lines, string(sign)+f.diffText())
			}
		}
	}
	return lines
}

// diffText returns the flow in the form that ovs-ofctl diff-flows has of its own.
func (f *Flow) diffText() string {
	var b []byte
	if f.Table != 0 {
		b = fmt.Appendf(b, "table=%d ", f.Table)
	}
	b = append(f.appendSelector(b, nil), ' ') // where nothing is matched as well
	if f.Cookie != 0 {
		b = fmt.Appendf(b, "cookie=0x%x ", f.Cookie)
	}
	if f.IdleTimeout != 0 {
		b = fmt.Appendf(b, "idle_timeout=%d ", f.IdleTimeout)
	}
	if f.HardTimeout != 0 {
		b = fmt.Appendf(b, "hard_timeout=%d ", f.HardTimeout)
	}
	if f.Importance != 0 {
		b = fmt.Appendf(b, "importance=%d ", f.Importance)
	}
	return string(AppendActions(append(b, "actions="...), f.Actions))
}
