package gateway

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/ring/counter"
)

// A tally counts what the gateway does besides deciding about packets.
type tally struct {
	asked  atomic.Uint64 // neighbours
	waited atomic.Uint64 // packets, for a neighbour that answered
	told   atomic.Uint64 // senders of packets that went nowhere
	hushed atomic.Uint64 // the same, beyond the rate
	unsent atomic.Uint64 // packets of the gateway's own that no worker had room for
}

// Samples implements rules.Counter.
func (t *Table) Samples() []counter.Sample {
	n := &t.tally
	sample := func(name, help string, kind counter.Kind, v *atomic.Uint64) counter.Sample {
		return counter.Sample{Desc: counter.Desc{Name: name, Help: help, Kind: kind}, Value: v.Load()}
	}
	list := []counter.Sample{
		sample("neighbour_asked", "Times that a neighbour was asked for its Ethernet address.", counter.Event, &n.asked),
		sample("neighbour_waited", "Packets that waited for a neighbour's answer and then went to it.", counter.Event, &n.waited),
		sample("icmp_error", "ICMP messages that told senders why a packet went nowhere.", counter.Event, &n.told),
		sample("icmp_error_rate", "ICMP messages that were not sent since there were more than 100 in a second.", counter.Drop, &n.hushed),
		sample("gateway_unsent", "Packets of the gateway's own that the workers had no room for.", counter.Drop, &n.unsent),
	}
	return append(list, t.waiting.Samples()...)
}
