package suite

import "fmt"

// ruledFlows are the flows of rows about many rules, in each direction: destinations 10.253.0.0 to 10.253.63.255.
const ruledFlows = 1 << 14

// ruleRows are those over sizes of rule sets: the same flows, by more and more rules.
func ruleRows() (rows []Row) {
	for _, n := range []int{16, 1024, ruledFlows} {
		rows = append(rows, Row{
			ID: fmt.Sprint("rules-", n), Name: fmt.Sprintf("%d flows, %d rules each way", ruledFlows, n), Contenders: both, Rules: manyRules(n),
			Traffic: eachWay(ruledFlows), Measures: floodMeasures(), Prepare: settled(bothWays(ruledFlows)), Takes: testpmdTime, Way: byCache,
		})
	}
	return rows
}

// manyRules are so many rules each way, a power of two and ruledFlows at most, that look at as many of the last bits of the destination: each
// has as many of the flows as any other, and each is a megaflow of its own, all under one mask.
func manyRules(n int) (rules []string) {
	bits := n - 1
	for i := range n {
		for port := 1; port <= 2; port++ {
			rules = append(rules, fmt.Sprintf("ip,in_port=%d,nw_dst=10.253.%d.%d/255.255.%d.%d,actions=output:%d", port, i>>8, i&255, bits>>8, bits&255, 3-port))
		}
	}
	return rules
}
