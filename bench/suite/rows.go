package suite

import (
	"fmt"
	"slices"

	"github.com/culvertdev/culvert/bench/result"
	"github.com/culvertdev/culvert/bench/rows"
	"github.com/culvertdev/culvert/bench/switches"
)

// Rows returns all rows there are, in the order in which they are measured.
func Rows() []Row {
	return slices.Concat(
		portRows(), ruleRows(), maskRows(), normalRows(), tunnelRows(), mixRows(), pacedRows(), learningRows(), newFlowRows(), disturbedRows(), deviceRows(), peerRows(),
	)
}

// The two whom most rows compare.
var both = []string{"culvert", "ovs"}

// byAddress are rules that look at an address, wherever testpmd's flowgen takes it: it counts on from 10.253.0.0, with a million flows
// into 11.0.0.0/8.
var byAddress = []string{"ip,in_port=1,nw_dst=10.0.0.0/7,actions=output:2", "ip,in_port=2,nw_dst=10.0.0.0/7,actions=output:1"}

// toOther are rules that look at no more than a packet's port.
var toOther = []string{"in_port=1,actions=output:2", "in_port=2,actions=output:1"}

// eachWay is the traffic of testpmd's flowgen.
func eachWay(flows int) result.Traffic {
	return result.Traffic{Protocol: "IPv4, UDP", Flows: flows, Directions: 2}
}

// portRows are those between vhost-user ports by rules on ports and addresses.
func portRows() []Row {
	list := []Row{
		{ID: "no-lookup", Name: "no look-up", Contenders: []string{"culvert-ports", "testpmd"}, Traffic: eachWay(1024), Measures: floodMeasures(), Prepare: bothWays(1024), Takes: testpmdTime},
		{ID: "port", Name: "rule on the port alone", Contenders: both, Rules: toOther, Traffic: eachWay(1024), Measures: floodMeasures(), Prepare: bothWays(1024), Takes: testpmdTime, Way: byPort},
	}
	for _, flows := range []int{1, 1024, 100_000, 1_000_000} {
		r := Row{
			ID: fmt.Sprint("ip-", flows), Name: fmt.Sprintf("rules on IP, %d flows", flows), Contenders: both, Rules: byAddress,
			Traffic: eachWay(flows), Measures: floodMeasures(), Prepare: bothWays(flows), Takes: testpmdTime, Way: byExact,
		}
		if flows > 1024 { // more than an exact-match cache has room for
			r.Way = byCache
		}
		if flows == 1 {
			r.Name = "rules on IP, 1 flow"
		}
		list = append(list, r)
	}
	return append(list,
		Row{
			ID: "latency", Name: "latency at low load", Contenders: both, Rules: toOther, Way: byPort, Prepare: probe, Long: true, Measures: append(rows.Within(probed...), pauseMeasures()...),
			Traffic: result.Traffic{Protocol: "Ethernet, local experimental", Directions: 1},
		},
		Row{
			ID: "new-flows", Name: "new flows", Contenders: both, Rules: newFlows(), Traffic: eachWay(1 << 27), Measures: rateMeasures(), Takes: testpmdTime,
			Drive: flowgen(1 << 27).once, // it fills caches as long as it lasts, so how full they are is not for turns to say
			Way:   byRules, Scene: func(s *switches.Scene) { s.Inline = true }, Asked: true,
		})
}

// newFlows are rules by which every destination is a megaflow of its own: addresses moved into a register count whole.
func newFlows() []string {
	return []string{
		"table=0,ip,actions=move:NXM_OF_IP_DST[]->NXM_NX_REG0[],resubmit(,1)",
		"table=1,priority=20,ip,nw_src=192.0.2.0/24,actions=drop",
		"table=1,priority=20,ip,reg0=0x12345678,actions=drop",
		"table=1,priority=10,ip,in_port=1,actions=output:2",
		"table=1,priority=10,ip,in_port=2,actions=output:1",
	}
}
