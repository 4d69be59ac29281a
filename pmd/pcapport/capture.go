package pcapport

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// A record is one packet of a capture.
type record struct {
	data []byte    // valid until the next one is read
	full int       // bytes the packet had when it was captured, at least len(data)
	at   time.Time // when it was captured; zero when the file does not say
}

// A capture reads the packets of a file in order. next returns io.EOF after the last one.
type capture interface {
	next() (record, error)
}

// newCapture finds out which format r has and reads its header.
func newCapture(r io.Reader) (capture, error) {
	br := bufio.NewReaderSize(r, 1<<18)
	head, err := br.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("read header: %w", noEOF(err))
	}
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) { // RFC 1952, section 2.3.1
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("read gzip header: %w", noEOF(err))
		}
		br = bufio.NewReaderSize(z, 1<<18)
		if head, err = br.Peek(4); err != nil {
			return nil, fmt.Errorf("read header: %w", noEOF(err))
		}
	}
	if bytes.Equal(head, []byte{0x0a, 0x0d, 0x0d, 0x0a}) {
		return newPcapng(br)
	}
	return newPcap(br)
}

// A pcap is a capture in the classic format.
type pcap struct{ r *pcapgo.Reader }

func newPcap(br *bufio.Reader) (*pcap, error) {
	r, err := pcapgo.NewReader(br)
	if err != nil {
		return nil, fmt.Errorf("read pcap header: %w", noEOF(err))
	}
	if r.LinkType() != layers.LinkTypeEthernet {
		return nil, fmt.Errorf("packets are %s (link type %d): want Ethernet", r.LinkType(), int(r.LinkType()))
	}
	// Files exist whose packets are longer than their header says, or whose header says 0; what counts
	// is that nobody makes us allocate without bound.
	r.SetSnaplen(SnapLen)
	return &pcap{r: r}, nil
}

func (c *pcap) next() (record, error) {
	data, ci, err := c.r.ZeroCopyReadPacketData()
	if errors.Is(err, io.EOF) && ci.CaptureLength > 0 {
		err = io.ErrUnexpectedEOF // the file ends between a packet's header and its data
	}
	return record{data: data, full: ci.Length, at: ci.Timestamp}, err
}

// noEOF turns the end of the file into an error: there had to be more.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
