package suite

import (
	"fmt"

	"github.com/culvertdev/culvert/bench/switches"
)

// maskFlows is how many flows there are in each direction: destinations 10.253.0.0 to 10.253.2.255.
const maskFlows = 3 << 8

// maskRows are those without an exact-match cache, by rules that spread packets evenly over masks. A switch that looks masks up one after the other,
// however it orders them, tries half of them for a packet.
func maskRows() (rows []Row) {
	for _, masks := range []int{1, 8, 24} {
		name := fmt.Sprintf("exact-match cache off, %d masks hit evenly", masks)
		if masks == 1 {
			name = "exact-match cache off, 1 mask"
		}
		rows = append(rows, Row{
			ID: fmt.Sprint("masks-", masks), Name: name, Contenders: both, Rules: maskRules(masks), Traffic: eachWay(maskFlows), Measures: floodMeasures(),
			Prepare: bothWays(maskFlows), Takes: testpmdTime, Way: byMegaflow, Scene: func(s *switches.Scene) { s.NoExact = true },
		})
	}
	return rows
}

// maskRules send 24 kinds of destinations, told apart by the third byte and the last three bits, to so many tables in turn, each of which looks at the
// source, 10.254.0.0, under a prefix of a length of its own. In the cache a packet of a table has the bits of its destination and that prefix.
func maskRules(masks int) (rules []string) {
	for i := range 24 {
		rules = append(rules, fmt.Sprintf("table=0,ip,nw_dst=10.253.%d.%d/255.255.255.7,actions=resubmit(,%d)", i>>3, i&7, 1+i%masks))
	}
	for i := range masks {
		for port := 1; port <= 2; port++ {
			rules = append(rules, fmt.Sprintf("table=%d,ip,in_port=%d,nw_src=10.254.0.0/%d,actions=output:%d", 1+i, port, 8+i, 3-port))
		}
	}
	return rules
}
