package config

import (
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/culvertdev/culvert/flowcache/flow"
)

// maxFlowLimit is the greatest limit of a table's rules.
const maxFlowLimit = 100_000_000

// tableLimits reads what bounds a bridge's OpenFlow tables.
func (r *bridges) tableLimits(v value) map[uint8]openflow.Limit {
	limits := make(map[uint8]openflow.Limit)
	for _, e := range v.list("a list of tables") {
		m, ok := e.mapping("a table: a mapping with a number and a flow-limit")
		if !ok {
			continue
		}
		number, l := 0, openflow.Limit{}
		m.require("number", "the table's number")
		m.require("flow-limit", "how many rules it may have")
		m.get("number", func(v value) {
			v.integer(&number, 0, openflow.NoTable-1)
			if _, again := limits[uint8(number)]; again {
				v.fail("want a table of its own, found %d again", number)
			}
		})
		m.get("flow-limit", func(v value) { v.integer(&l.Flows, 1, maxFlowLimit) })
		m.get("overflow-policy", func(v value) { l.Evict = v.choice("refuse", "evict") == 1 })
		m.get("groups", func(v value) { l.Groups = groupFields(v) })
		m.finish()
		limits[uint8(number)] = l
	}
	return limits
}

// groupFields reads fields, or parts of them.
func groupFields(v value) (list []flow.Subfield) {
	for _, e := range v.list("a list of match fields") {
		text := ""
		e.text(&text, "a match field such as in_port or nw_src[24..31]", nil)
		if text == "" {
			continue
		}
		part, err := flow.ParseSubfield(text)
		if err != nil {
			e.fail("%v", err)
			continue
		}
		list = append(list, part)
	}
	return list
}

// checkLimits reports tables that have no room for the bridge's own rules.
func (r *bridges) checkLimits(v value, b *Bridge, flows []openflow.Flow) {
	count := make(map[uint8]int)
	for i := range flows {
		count[flows[i].Table]++
	}
	for table, l := range b.Limits {
		if n := count[table]; l.Flows > 0 && n > l.Flows { // 0: refused already
			v.fail("want a flow-limit of at least %d for table %d, which the bridge's own rules take, found %d", n, table, l.Flows)
		}
	}
}
