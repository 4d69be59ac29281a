package suite

import (
	"context"
	"time"

	"github.com/culvertdev/culvert/bench/rows"
)

// peerRows are those of switches of the user's own that are reached by interfaces. What they are about is what such a switch does from
// each port to the other, by rules if it can be told any.
func peerRows() []Row {
	row := func(id, name string, takes time.Duration, record rows.Record, measure func(context.Context, *Stand, *rows.Bench) (rows.Record, error)) Row {
		return Row{
			ID: id, Name: name, Peers: true, Rules: toOther, Traffic: pacedTraffic(pacedFlows), Measures: record.Measures, Takes: takes,
			Drive: paced(pacedSpec(), measure),
		}
	}
	return []Row{
		row("interfaces", "throughput, interface to interface", 35*time.Second, throughputRecord(nil, nil, nil), throughput),
		row("interfaces-burst", "back to back, interface to interface", 8*time.Second, rows.Burst{}.Record(), burst),
	}
}
