package openflow

import "github.com/culvertdev/culvert/ring/counter"

// Samples implements rules.Counter: it is PacketInCounts by name.
func (t *Table) Samples() []counter.Sample {
	n := t.PacketInCounts()
	return []counter.Sample{
		{Desc: counter.Desc{Name: "packet_in", Help: "Packets that went to at least one controller."}, Value: n.Sent},
		{Desc: counter.Desc{Name: "packet_in_rate", Help: "Packets for controllers beyond packet-in-rate.", Kind: counter.Drop}, Value: n.Limited},
		{Desc: counter.Desc{Name: "packet_in_queue_full", Help: "Packets for controllers that did not keep up, once for each of them.", Kind: counter.Drop}, Value: n.Lost},
		{Desc: counter.Desc{Name: "packet_in_unheard", Help: "Packets for a controller of an id that nobody listens for.", Kind: counter.Drop}, Value: n.Unheard},
		{Desc: counter.Desc{Name: "packet_in_stale", Help: "Packets for controllers that were under way for longer than the table knows what for.", Kind: counter.Drop}, Value: n.ContextGone},
	}
}
