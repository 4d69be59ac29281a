package datapath

import "github.com/culvertdev/culvert/ring/counter"

// What a worker counts of a port's packets that no cache knew.
const (
	newAsked = iota
	newQueueFull
	newSourceFull
	newOverRate
)

func newFlowCounters() []counter.Desc {
	return []counter.Desc{
		newAsked:      {Name: "asked", Help: "Packets of the port sent to the slow path."},
		newQueueFull:  {Name: "queue_full", Help: "Packets of new flows dropped because the port had as many waiting as it may."},
		newSourceFull: {Name: "source_full", Help: "Packets of new flows dropped because their sender had its part of the port's queue."},
		newOverRate:   {Name: "over_rate", Help: "Packets of new flows dropped because the port had used up its rate of new flows."},
	}
}
