package suite

import "github.com/culvertdev/culvert/bench/result"

// normal is what a learning bridge does.
var normal = []string{"actions=NORMAL"}

// normalRows are those by what the switch has learned. In a closed loop no more packets are sent than come back: as many are under way as half of a
// ring takes.
func normalRows() []Row {
	return []Row{
		{
			ID: "normal-loop", Name: "NORMAL, learned addresses, closed loop", Contenders: both, Rules: normal, Measures: rateMeasures(), Prepare: loop, Takes: testpmdTime, Way: byExact,
			Traffic: result.Traffic{Protocol: "IPv4, UDP", Flows: 1, Directions: 2},
		},
		{
			ID: "normal-unknown", Name: "NORMAL, unknown destination", Contenders: both, Rules: normal, Measures: floodMeasures(), Prepare: flooded(fromGuest(), false), Way: byExact,
			Traffic: oneWay("IPv4, UDP"),
		},
	}
}
