package frontend

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// Receive queues' own counters.
const (
	rxNoBuffer = pmd.RxCommon + iota
	rxRunt
	rxTooLong
	rxBadOffload
	rxKick
)

func rxCounters() []counter.Desc {
	return pmd.RxCounters(
		counter.Desc{Name: "rx_no_buffer", Help: "Times the ring could not be filled because the arena had no free buffer."},
		counter.Desc{Name: "rx_runt", Help: "Packets dropped because they were shorter than an Ethernet header.", Kind: counter.Drop},
		counter.Desc{Name: "rx_too_long", Help: "Packets dropped because they were longer than the MTU allows.", Kind: counter.Drop},
		counter.Desc{Name: "rx_bad_offload", Help: "Packets dropped because their virtio-net header asks for what cannot be, or was not negotiated.", Kind: counter.Drop},
		counter.Desc{Name: "rx_kick", Help: "Times the back end was told of new buffers."},
	)
}

// Transmit queues' own counters.
const (
	txRunt = pmd.TxCommon + iota
	txLinkDown
	txBadOffload
	txKick
)

func txCounters() []counter.Desc {
	return pmd.TxCounters(
		counter.Desc{Name: "tx_runt", Help: "Packets dropped because they were shorter than an Ethernet header.", Kind: counter.Drop},
		counter.Desc{Name: "tx_link_down", Help: "Packets dropped because there was no back end.", Kind: counter.Drop},
		counter.Desc{Name: "tx_bad_offload", Help: "Packets dropped because they left work to a back end that does not take it.", Kind: counter.Drop},
		counter.Desc{Name: "tx_kick", Help: "Times the back end was told of packets."},
	)
}

// What the session counts for the port.
const (
	portSessions = iota
	portFaults
	portLost
	portCounters
)

func portTable() [portCounters]counter.Desc {
	return [portCounters]counter.Desc{
		portSessions: {Name: "vhost_sessions", Help: "Sessions with a back end that came to have a link."},
		portFaults:   {Name: "vhost_faults", Kind: counter.Fault, Help: "Sessions ended because the back end did what it must not."},
		portLost:     {Name: "tx_lost", Kind: counter.Drop, Help: "Packets in transmit rings when the back end went away, sent or not."},
	}
}
