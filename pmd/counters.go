package pmd

import "github.com/culvertdev/culvert/ring/counter"

// The counters every queue has come first in its table, so that whoever sums over ports of any kind
// finds them by index. A driver's own follow.
const (
	RxPackets = iota // in an RxQueue's table
	RxBytes
	RxCommon // number of counters all receive queues share
)

// Counters every transmit queue has.
const (
	TxPackets = iota // in a TxQueue's table
	TxBytes
	TxFull    // drop
	TxTooLong // drop
	TxCommon  // number of counters all transmit queues share
)

// RxCounters returns the table for a receive queue: the common counters, then the driver's own.
func RxCounters(own ...counter.Desc) []counter.Desc {
	return append([]counter.Desc{
		{Name: "rx_packets", Help: "Packets received."},
		{Name: "rx_bytes", Help: "Bytes received, without the Ethernet frame check sequence.", Kind: counter.Bytes},
	}, own...)
}

// TxCounters returns the table for a transmit queue: the common counters, then the driver's own.
func TxCounters(own ...counter.Desc) []counter.Desc {
	return append([]counter.Desc{
		{Name: "tx_packets", Help: "Packets handed to the device."},
		{Name: "tx_bytes", Help: "Bytes handed to the device, without the Ethernet frame check sequence.", Kind: counter.Bytes},
		{Name: "tx_full", Help: "Packets dropped because the transmit ring had no room.", Kind: counter.Drop},
		{Name: "tx_too_long", Help: "Packets dropped because they were longer than the device takes.", Kind: counter.Drop},
	}, own...)
}
