package openflow

import "github.com/culvertdev/culvert/ring/counter"

// Samples implements rules.Counter: it is PacketInCounts and mdb.Counts by name.
func (t *Table) Samples() []counter.Sample {
	n, m, b := t.PacketInCounts(), t.mdb.Counts(), &t.bondCounts
	list := []counter.Sample{
		{Desc: counter.Desc{Name: "packet_in", Help: "Packets that went to at least one controller."}, Value: n.Sent},
		{Desc: counter.Desc{Name: "packet_in_rate", Help: "Packets for controllers beyond packet-in-rate.", Kind: counter.Drop}, Value: n.Limited},
		{Desc: counter.Desc{Name: "packet_in_queue_full", Help: "Packets for controllers that did not keep up, once for each of them.", Kind: counter.Drop}, Value: n.Lost},
		{Desc: counter.Desc{Name: "packet_in_unheard", Help: "Packets for a controller of an id that nobody listens for.", Kind: counter.Drop}, Value: n.Unheard},
		{Desc: counter.Desc{Name: "packet_in_stale", Help: "Packets for controllers that were under way for longer than the table knows what for.", Kind: counter.Drop}, Value: n.ContextGone},
		{Desc: counter.Desc{Name: "mcast_learned", Help: "Times that multicast snooping learned of a listener."}, Value: m.Learned},
		{Desc: counter.Desc{Name: "mcast_expired", Help: "Listeners that did not say in time that they still are."}, Value: m.Expired},
		{Desc: counter.Desc{Name: "mcast_evicted", Help: "Listeners forgotten because the table of multicast groups was full."}, Value: m.Evicted},
		{Desc: counter.Desc{Name: "bond_active_changed", Help: "Times that another member of a bond became the active one."}, Value: b.changed.Load()},
		{Desc: counter.Desc{Name: "bond_moved", Help: "Times that one of the 256 hashes of a bond was given to another member."}, Value: b.moved.Load()},
		{Desc: counter.Desc{Name: "bond_announced", Help: "Addresses announced by the new active member of a bond."}, Value: b.announced.Load()},
		{Desc: counter.Desc{Name: "lacp_received", Help: "Packets of LACP that bonds have heard."}, Value: b.lacpIn.Load()},
		{Desc: counter.Desc{Name: "lacp_sent", Help: "Packets of LACP that bonds have sent."}, Value: b.lacpOut.Load()},
		{Desc: counter.Desc{Name: "bond_unsent", Help: "Packets of a bond's own that found no room.", Kind: counter.Drop}, Value: b.unsent.Load()},
	}
	return append(list, t.waiting.Samples()...)
}
