package afpacket

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// Receive queues' own counters.
const (
	rxNoBuffer = pmd.RxCommon + iota
	rxTooLong
	rxBadOffload
	rxRunt
	rxErrors
	rxTagRestored
	rxPartial
	rxSegments
)

func rxCounters() []counter.Desc {
	return pmd.RxCounters(
		counter.Desc{Name: "rx_no_buffer", Kind: counter.Drop, Help: "Packets dropped because the arena had no free buffer for the rest of them."},
		counter.Desc{Name: "rx_too_long", Kind: counter.Drop, Help: "Packets dropped because they were longer than a frame can be."},
		counter.Desc{Name: "rx_bad_offload", Kind: counter.Drop, Help: "Packets dropped because their checksum was to go outside the packet."},
		counter.Desc{Name: "rx_runt", Kind: counter.Drop, Help: "Packets dropped because they were shorter than an Ethernet header."},
		counter.Desc{Name: "rx_errors", Help: "Times receiving from the device was refused."},
		counter.Desc{Name: "rx_tag_restored", Help: "Packets into which the VLAN tag was put back that the kernel had taken out."},
		counter.Desc{Name: "rx_partial_checksum", Help: "Packets whose sender left the checksum to hardware."},
		counter.Desc{Name: "rx_unsegmented", Help: "Packets whose sender left segmentation to hardware."},
	)
}

// Transmit queues' own counters.
const (
	txRunt = pmd.TxCommon + iota
	txDown
	txRefused
	txPartial
	txSegments
)

func txCounters() []counter.Desc {
	return pmd.TxCounters(
		counter.Desc{Name: "tx_runt", Help: "Packets dropped because they were shorter than an Ethernet header.", Kind: counter.Drop},
		counter.Desc{Name: "tx_down", Help: "Packets dropped because the device was down.", Kind: counter.Drop},
		counter.Desc{Name: "tx_refused", Help: "Packets dropped because the kernel refused them.", Kind: counter.Drop},
		counter.Desc{Name: "tx_partial_checksum", Help: "Packets whose checksum was left to the kernel, or the device."},
		counter.Desc{Name: "tx_segments", Help: "Packets that the kernel, or the device, was left to cut."},
	)
}

// kernelCounters are what the kernel counts for the port's sockets.
func kernelCounters(dropped uint64) []counter.Sample {
	return []counter.Sample{
		{Desc: counter.Desc{Name: "rx_kernel_drop", Kind: counter.Drop, Help: "Packets that the kernel dropped because they were not received in time."}, Value: dropped},
	}
}
