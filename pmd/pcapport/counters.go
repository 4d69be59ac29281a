package pcapport

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
)

// txNoFile is the transmit queue's own counter.
const txNoFile = pmd.TxCommon

func txCounters() []counter.Desc {
	return pmd.TxCounters(counter.Desc{
		Name: "tx_no_file", Kind: counter.Drop,
		Help: "Packets dropped because the pcap port writes no file.",
	})
}

// Counters of the reader goroutine, which Port.Samples shows.
const (
	readPackets = iota
	readSnapped
	readTooLong
	readNoBuffer
)

func readerCounters() []counter.Desc {
	return []counter.Desc{
		{Name: "pcap_read_packets", Help: "Packets read from the capture file."},
		{Name: "pcap_read_snapped", Help: "Packets of which the capture file holds only the beginning."},
		{Name: "pcap_read_too_long", Help: "Packets in the capture file that are longer than a frame can be.", Kind: counter.Drop},
		{Name: "pcap_read_waits", Help: "Times the reader of the capture file waited for a free buffer."},
	}
}

// Counters of the writer goroutine, which Port.Samples shows.
const (
	writtenPackets = iota
	writeFailed
)

func writerCounters() []counter.Desc {
	return []counter.Desc{
		{Name: "pcap_written_packets", Help: "Packets written to the capture file."},
		{Name: "pcap_write_failed", Help: "Packets dropped because the capture file could not be written.", Kind: counter.Drop},
	}
}
