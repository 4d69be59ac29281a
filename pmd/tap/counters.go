package tap

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// Receive queues' own counters.
const (
	rxNoBuffer = pmd.RxCommon + iota
	rxErrors
)

func rxCounters() []counter.Desc {
	return pmd.RxCounters(
		counter.Desc{Name: "rx_no_buffer", Help: "Times nothing was read because the arena had no free buffer."},
		counter.Desc{Name: "rx_errors", Help: "Times reading from the device was refused."},
	)
}

// Transmit queues' own counters.
const (
	txRunt = pmd.TxCommon + iota
	txDown
	txRefused
)

func txCounters() []counter.Desc {
	return pmd.TxCounters(
		counter.Desc{Name: "tx_runt", Help: "Packets dropped because they were shorter than an Ethernet header.", Kind: counter.Drop},
		counter.Desc{Name: "tx_down", Help: "Packets dropped because the device was down.", Kind: counter.Drop},
		counter.Desc{Name: "tx_refused", Help: "Packets dropped because the kernel refused them.", Kind: counter.Drop},
	)
}

// deviceCounters are what the kernel counts, named from the switch's side.
func deviceCounters(fromHost, toHost uint64) []counter.Sample {
	return []counter.Sample{
		{Desc: counter.Desc{Name: "rx_kernel_drop", Kind: counter.Drop, Help: "Packets from the host that the kernel dropped because they were not read in time."}, Value: fromHost},
		{Desc: counter.Desc{Name: "tx_kernel_drop", Kind: counter.Drop, Help: "Packets to the host that the kernel dropped."}, Value: toHost},
	}
}
