package faulty

import "github.com/culvertdev/culvert/ring/counter"

// Counters of the faults injected into one queue, which Port.Samples sums over queues.
const (
	dropped = iota
	truncated
	corrupted
	duplicated
	reordered
	lost // to a link that is down
	stopped
	directionCommon // number of counters both directions have
)

// Counters that only receive queues have.
const (
	stalls = directionCommon + iota
	flaps
	exhausts
)

// partial is what only transmit queues count.
const partial = directionCommon

func directionCounters(way string, own ...counter.Desc) []counter.Desc {
	return append([]counter.Desc{
		{Name: "fault_" + way + "_drop", Help: "Packets dropped by an injected fault.", Kind: counter.Drop},
		{Name: "fault_" + way + "_truncate", Help: "Packets cut short by an injected fault."},
		{Name: "fault_" + way + "_corrupt", Help: "Packets in which an injected fault flipped a bit."},
		{Name: "fault_" + way + "_duplicate", Help: "Packets doubled by an injected fault."},
		{Name: "fault_" + way + "_reorder", Help: "Packets overtaken because of an injected fault."},
		{Name: "fault_" + way + "_link_down", Help: "Packets dropped while an injected fault held the link down.", Kind: counter.Drop},
		{Name: "fault_" + way + "_stopped", Help: "Packets dropped after an injected fault had stopped the port.", Kind: counter.Drop},
	}, own...)
}

func rxCounters() []counter.Desc {
	return directionCounters("rx",
		counter.Desc{Name: "fault_stall", Help: "Times an injected fault made a receive queue stall."},
		counter.Desc{Name: "fault_flap", Help: "Times an injected fault took the link down."},
		counter.Desc{Name: "fault_exhaust", Help: "Times an injected fault took all free buffers of the arena."},
	)
}

func txCounters() []counter.Desc {
	return directionCounters("tx",
		counter.Desc{Name: "fault_tx_partial", Help: "Packets dropped because an injected fault made a Send accept only part of its batch.", Kind: counter.Drop},
	)
}
