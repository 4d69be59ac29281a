package xsk

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"golang.org/x/sys/unix"
)

// Counters of a receive queue, behind the common ones.
const (
	rxBadDescriptor = pmd.RxCommon + iota // drop
	rxTooLong                             // drop
	rxNoBuffer
	rxWakeup
)

func rxTable() []counter.Desc {
	return pmd.RxCounters(
		counter.Desc{Name: "rx_bad_descriptor", Kind: counter.Drop,
			Help: "Packets dropped because the kernel described one outside the buffers it was given."},
		counter.Desc{Name: "rx_too_long", Kind: counter.Drop,
			Help: "Packets dropped because they came in more buffers than a chain takes."},
		counter.Desc{Name: "rx_no_buffer",
			Help: "Times the fill ring could not be filled because the arena had no free buffer."},
		counter.Desc{Name: "rx_wakeup",
			Help: "System calls made so that the kernel goes on receiving."},
	)
}

// Counters of a transmit queue, behind the common ones.
const (
	txTooShort   = pmd.TxCommon + iota // drop
	txFragmented                       // drop
	txLinkDown                         // drop
	txBadCompletion
	txKick
	txKickAgain
	txKickError
)

func txTable() []counter.Desc {
	return pmd.TxCounters(
		counter.Desc{Name: "tx_too_short", Kind: counter.Drop,
			Help: "Packets dropped because they were shorter than an Ethernet header, or a buffer of theirs was empty."},
		counter.Desc{Name: "tx_fragmented", Kind: counter.Drop,
			Help: "Packets dropped because they lay in more buffers than the socket takes for one packet."},
		counter.Desc{Name: "tx_link_down", Kind: counter.Drop,
			Help: "Packets dropped because the device had no carrier."},
		counter.Desc{Name: "tx_bad_completion",
			Help: "Completions ignored because the kernel named a buffer it was not given."},
		counter.Desc{Name: "tx_kick",
			Help: "System calls made so that the kernel transmits."},
		counter.Desc{Name: "tx_kick_again",
			Help: "System calls after which the kernel asked to be called again (EAGAIN, EBUSY, ENOBUFS)."},
		counter.Desc{Name: "tx_kick_error",
			Help: "System calls the kernel refused because the device was down or gone."},
	)
}

// kernelTable describes what kernelValues returns.
func kernelTable() []counter.Desc {
	return []counter.Desc{
		{Name: "xsk_rx_dropped", Kind: counter.Drop,
			Help: "Packets the kernel dropped at the socket: no buffer, or longer than one without multi-buffer."},
		{Name: "xsk_rx_ring_full", Kind: counter.Drop,
			Help: "Packets the kernel dropped because the receive ring was full."},
		{Name: "xsk_rx_invalid_descs",
			Help: "Descriptors in the fill ring that the kernel refused."},
		{Name: "xsk_rx_fill_ring_empty",
			Help: "Times the kernel found the fill ring empty: the worker is too slow, or was off its CPU for longer than ring-size packets take."},
		{Name: "xsk_tx_invalid_descs", Kind: counter.Drop,
			Help: "Descriptors in the transmit ring that the kernel refused."},
		{Name: "xsk_tx_ring_empty",
			Help: "Times the kernel found the transmit ring empty."},
	}
}

// kernelValues orders the six counters of XDP_STATISTICS (linux include/uapi/linux/if_xdp.h) as
// kernelTable does.
func kernelValues(s unix.XDPStatistics) [6]uint64 {
	return [6]uint64{s.Rx_dropped, s.Rx_ring_full, s.Rx_invalid_descs, s.Rx_fill_ring_empty_descs,
		s.Tx_invalid_descs, s.Tx_ring_empty_descs}
}

// deviceTable describes what the device itself has dropped, whoever it was from or for.
func deviceTable() []counter.Desc {
	return []counter.Desc{
		// No drop of its own: a native driver counts what a socket refused as well (veth does).
		{Name: "device_rx_dropped",
			Help: "Packets the device dropped on receiving, by its own count, which may have those of the sockets in it."},
		{Name: "device_tx_dropped", Kind: counter.Drop,
			Help: "Packets the device dropped on sending, by its own count."},
	}
}
