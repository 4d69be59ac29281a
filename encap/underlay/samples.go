package underlay

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/ring/counter"
)

// A tally counts what the stack does.
type tally struct {
	asked     atomic.Uint64
	answered  atomic.Uint64
	told      atomic.Uint64
	duplicate atomic.Uint64
	reported  atomic.Uint64
	// What became of nothing.
	malformed atomic.Uint64
	strange   atomic.Uint64
	ignored   atomic.Uint64
	hushed    atomic.Uint64
	flapping  atomic.Uint64
	full      atomic.Uint64
	unsent    atomic.Uint64
}

// Samples returns the stack's counters, which never go back.
func (s *Stack) Samples() []counter.Sample {
	n := &s.tally
	sample := func(name, help string, kind counter.Kind, v *atomic.Uint64) counter.Sample {
		return counter.Sample{Desc: counter.Desc{Name: name, Help: help, Kind: kind}, Value: v.Load()}
	}
	return []counter.Sample{
		sample("underlay_asked", "Times that a neighbour in the underlay was asked for its Ethernet address.", counter.Event, &n.asked),
		sample("underlay_answered", "Questions of neighbours for an address of the underlay that were answered.", counter.Event, &n.answered),
		sample("underlay_icmp_error", "ICMP messages that told senders that nobody takes a packet to an address of the underlay.", counter.Event, &n.told),
		sample("underlay_duplicate", "Packets that show that another host has one of the underlay's addresses.", counter.Event, &n.duplicate),
		sample("underlay_group_reported", "IGMP and MLD messages that told routers which groups tunnels listen to.", counter.Event, &n.reported),
		sample("underlay_malformed", "Packets to the underlay's addresses, ARP, neighbour discovery, IGMP or MLD that contradict themselves.", counter.Drop, &n.malformed),
		sample("underlay_strange", "Packets for the underlay from addresses that no other host can have, or to none of its own.", counter.Drop, &n.strange),
		sample("underlay_ignored", "Packets for the underlay that need no answer and tell nothing new.", counter.Drop, &n.ignored),
		sample("underlay_icmp_error_rate", "ICMP messages that were not sent since there were more than 100 in a second.", counter.Drop, &n.hushed),
		sample("underlay_flapping", "Neighbours' claims to another Ethernet address so soon after the last one that they were not believed.", counter.Drop, &n.flapping),
		sample("underlay_neighbours_full", "Ways that were not found since too many neighbours are known or asked already.", counter.Drop, &n.full),
		sample("underlay_unsent", "Packets of the underlay's own that the workers had no room for.", counter.Drop, &n.unsent),
	}
}
