package vhost

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// What a receive queue counts besides what all do.
const (
	rxPartial = pmd.RxCommon + iota
	rxSegments
	rxWaits
	rxNoBuffer
	rxRunt
	rxTooLong
	rxBadOffload
	rxSmallSegments
	rxDisabled
)

func rxCounters() []counter.Desc {
	return pmd.RxCounters(
		counter.Desc{Name: "rx_partial_checksum", Help: "Packets whose checksum the guest left to be completed."},
		counter.Desc{Name: "rx_segments", Help: "Packets that the guest left to be cut into TCP segments."},
		counter.Desc{Name: "rx_gathered", Help: "Looks at the ring that left packets in it so that more gather under load."},
		counter.Desc{Name: "rx_no_buffer", Help: "Looks at the ring that left packets in it because the frame arena was exhausted."},
		counter.Desc{Name: "rx_runt", Help: "Packets from the guest without a whole Ethernet header.", Kind: counter.Drop},
		counter.Desc{Name: "rx_too_long", Help: "Packets from the guest of more than 65,557 bytes.", Kind: counter.Drop},
		counter.Desc{Name: "rx_bad_offload", Help: "Packets whose virtio-net header asks for what was not negotiated, or does not agree with the packet.", Kind: counter.Drop},
		counter.Desc{Name: "rx_small_segments", Help: "Packets that the guest left to be cut into more than 256 segments.", Kind: counter.Drop},
		counter.Desc{Name: "rx_disabled", Help: "Packets from a queue that the guest has disabled.", Kind: counter.Drop},
	)
}

// What a transmit queue counts besides what all do.
const (
	txPartial = pmd.TxCommon + iota
	txSegments
	txCalls
	txNoGuest
	txSmallBuffer
	txOffload
	txUntranslated
	txFault
)

func txCounters() []counter.Desc {
	return pmd.TxCounters(
		counter.Desc{Name: "tx_partial_checksum", Help: "Packets whose checksum is left to the guest."},
		counter.Desc{Name: "tx_segments", Help: "Packets to be cut into TCP segments, left to the guest."},
		counter.Desc{Name: "tx_calls", Help: "Times the guest was told of packets because it wanted to be."},
		counter.Desc{Name: "tx_no_guest", Help: "Packets for a guest that is not there, or whose driver is not ready.", Kind: counter.Drop},
		counter.Desc{Name: "tx_small_buffer", Help: "Packets longer than the buffers of a guest that does not merge them.", Kind: counter.Drop},
		counter.Desc{Name: "tx_offload", Help: "Packets that were not finished because the guest before took them so.", Kind: counter.Drop},
		counter.Desc{Name: "tx_untranslated", Help: "Packets for buffers behind an IOMMU whose addresses the frontend has not translated yet.", Kind: counter.Drop},
		counter.Desc{Name: "tx_fault", Help: "Packets that were being given to the guest when it broke a rule.", Kind: counter.Drop},
	)
}
