package virtq_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/vhost/virtq/driver"
	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

func TestWhatDPDKMarksWritableInTablesOfAQueueThatOnlyReadsIsReadable(t *testing.T) {
	for _, s := range shapes(64) {
		if !s.packed || s.driver.Table < 2 {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			header, packet := w.data, w.data+4096
			copy(w.at(header, 12), "header bytes")
			copy(w.at(packet, 6), "packet")
			if !w.guest.Add(0, []driver.Buffer{{Addr: header, Len: 12}, {Addr: packet, Len: 6}}, nil) {
				t.Fatal("no room")
			}
			table := w.at(binary.LittleEndian.Uint64(w.memory), 2*layout.DescBytes)
			table[14] |= layout.FlagWrite // the flags of descriptor 0 (VIRTIO 1.2, 2.8.13)
			w.config.Reads = true
			w.device = w.newDevice()
			w.guest.Publish()
			n, err := w.device.Take(&w.chains, 64)
			if err != nil || n != 1 {
				t.Fatalf("took %d, %v; want 1", n, err)
			}
			c := w.chains.At(0)
			got := bytes.Join(w.chains.Readable(c), nil)
			if string(got) != "header bytespacket" || len(w.chains.Writable(c)) != 0 {
				t.Errorf("readable %q, %d writable pieces; want both to be readable", got, len(w.chains.Writable(c)))
			}
		})
	}
}
