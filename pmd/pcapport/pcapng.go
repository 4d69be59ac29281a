package pcapport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// Block types (draft-ietf-opsawg-pcapng, section 11.1).
const (
	blockInterface = 0x00000001
	blockPacket    = 0x00000002 // obsolete, still found in old files
	blockSimple    = 0x00000003
	blockEnhanced  = 0x00000006
	blockSection   = 0x0a0d0d0a
)

// Options of an interface block (section 4.2).
const (
	optEnd      = 0
	optTSResol  = 9
	optTSOffset = 14
)

const (
	byteOrderMagic = 0x1a2b3c4d
	linkEthernet   = 1
	// maxBlock bounds the blocks that are read as a whole: the longest packet and generous options.
	maxBlock = SnapLen + 65536 // bytes
	// maxIfaces bounds what a section makes us remember: a gzip file of 1 MB can hold 50 million
	// interface blocks.
	maxIfaces = 65536
)

// A pcapng is a capture in the newer format (draft-ietf-opsawg-pcapng).
//
//	| type 4 | total length 4 | body | total length 4 |   block, padded to 4 bytes
type pcapng struct {
	r      *bufio.Reader
	order  binary.ByteOrder
	ifaces []iface
	block  []byte // body of the current block
}

// An iface is what an interface block says about the packets that name it.
type iface struct {
	link   uint16
	snap   uint32 // bytes; 0 means no limit
	perSec uint64 // units of a time stamp in a second
	offset int64  // seconds to add to each time stamp
}

func newPcapng(br *bufio.Reader) (*pcapng, error) {
	c := &pcapng{r: br, order: binary.LittleEndian}
	kind, err := c.readBlock()
	if err != nil {
		return nil, fmt.Errorf("read pcapng section header: %w", noEOF(err))
	}
	if kind != blockSection {
		return nil, errors.New("read pcapng section header: the first block is another")
	}
	return c, nil
}

func (c *pcapng) next() (record, error) {
	for {
		kind, err := c.readBlock()
		if err != nil {
			return record{}, err
		}
		switch kind {
		case blockInterface:
			err = c.addInterface()
		case blockEnhanced:
			return c.enhanced()
		case blockSimple:
			return c.simple()
		case blockPacket:
			return c.packet()
		}
		if err != nil {
			return record{}, err
		}
	}
}

// readBlock reads a block whose content matters into c.block and skips the content of others. It
// returns io.EOF only where a block would begin.
func (c *pcapng) readBlock() (kind uint32, err error) {
	var head [8]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, err
	}
	// The section header's type reads the same in both byte orders; its magic tells which one it is.
	if kind = c.order.Uint32(head[:]); kind == blockSection {
		if err := c.readByteOrder(); err != nil {
			return 0, err
		}
	}
	total := c.order.Uint32(head[4:])
	if total < 12 || total%4 != 0 {
		return 0, fmt.Errorf("block of type %#x says it has %d bytes: want a multiple of 4, at least 12", kind, total)
	}
	switch kind {
	case blockSection, blockInterface, blockPacket, blockSimple, blockEnhanced:
		err = c.readBody(kind, int(total)-12)
	default:
		_, err = c.r.Discard(int(total) - 12)
	}
	if err != nil {
		return 0, noEOF(err)
	}
	var tail [4]byte
	if _, err := io.ReadFull(c.r, tail[:]); err != nil {
		return 0, noEOF(err)
	}
	if got := c.order.Uint32(tail[:]); got != total {
		return 0, fmt.Errorf("block of type %#x begins with length %d and ends with %d", kind, total, got)
	}
	if kind == blockSection {
		return kind, c.startSection()
	}
	return kind, nil
}

// readByteOrder looks at the magic number ahead without consuming it.
func (c *pcapng) readByteOrder() error {
	magic, err := c.r.Peek(4)
	if err != nil {
		return noEOF(err)
	}
	switch {
	case binary.LittleEndian.Uint32(magic) == byteOrderMagic:
		c.order = binary.LittleEndian
	case binary.BigEndian.Uint32(magic) == byteOrderMagic:
		c.order = binary.BigEndian
	default:
		return fmt.Errorf("section header has byte-order magic %x", magic)
	}
	return nil
}

func (c *pcapng) readBody(kind uint32, size int) error {
	if size > maxBlock {
		return fmt.Errorf("block of type %#x has %d bytes: want at most %d", kind, size, maxBlock)
	}
	if cap(c.block) < size {
		c.block = make([]byte, size)
	}
	c.block = c.block[:size]
	_, err := io.ReadFull(c.r, c.block)
	return err
}

// startSection checks the version; interfaces are numbered anew.
func (c *pcapng) startSection() error {
	if len(c.block) < 16 {
		return errors.New("section header is too short")
	}
	if major := c.order.Uint16(c.block[4:]); major != 1 {
		return fmt.Errorf("section has pcapng version %d: want 1", major)
	}
	c.ifaces = c.ifaces[:0]
	return nil
}

func (c *pcapng) addInterface() error {
	b := c.block
	if len(b) < 8 {
		return errors.New("interface block is too short")
	}
	if len(c.ifaces) == maxIfaces {
		return fmt.Errorf("a section has more than %d interfaces", maxIfaces)
	}
	i := iface{link: c.order.Uint16(b), snap: c.order.Uint32(b[4:]), perSec: 1e6}
	for b = b[8:]; len(b) >= 4; {
		code, size := c.order.Uint16(b), int(c.order.Uint16(b[2:]))
		b = b[4:]
		if code == optEnd {
			break
		}
		if size > len(b) {
			return fmt.Errorf("option %d of interface %d is longer than its block", code, len(c.ifaces))
		}
		if err := c.option(&i, code, b[:size]); err != nil {
			return err
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	c.ifaces = append(c.ifaces, i)
	return nil
}

// option notes what an option says about time stamps.
func (c *pcapng) option(i *iface, code uint16, v []byte) error {
	switch {
	case code == optTSResol && len(v) == 1:
		e := v[0] & 0x7f
		if v[0]&0x80 != 0 && e < 64 { // a power of two
			i.perSec = 1 << e
			return nil
		}
		if v[0]&0x80 != 0 || e > 19 { // 10^20 does not fit in 64 bits
			return fmt.Errorf("interface %d has time stamp resolution %#x: not supported", len(c.ifaces), v[0])
		}
		i.perSec = 1
		for range e {
			i.perSec *= 10
		}
	case code == optTSOffset && len(v) == 8:
		i.offset = int64(c.order.Uint64(v))
	}
	return nil
}

// enhanced reads an enhanced packet block (section 4.3).
func (c *pcapng) enhanced() (record, error) {
	if len(c.block) < 20 {
		return record{}, errors.New("packet block is too short")
	}
	return c.record(c.order.Uint32(c.block), c.block[4:])
}

// packet reads an obsolete packet block (appendix A): 16 bits each of interface and drop count.
func (c *pcapng) packet() (record, error) {
	if len(c.block) < 20 {
		return record{}, errors.New("packet block is too short")
	}
	return c.record(uint32(c.order.Uint16(c.block)), c.block[4:])
}

// record reads what both packet blocks have: time stamp, two lengths, data.
func (c *pcapng) record(n uint32, b []byte) (record, error) {
	i, err := c.iface(n)
	if err != nil {
		return record{}, err
	}
	stamp := uint64(c.order.Uint32(b))<<32 | uint64(c.order.Uint32(b[4:]))
	size, full := c.order.Uint32(b[8:]), c.order.Uint32(b[12:])
	b = b[16:]
	if uint64(size) > uint64(len(b)) || size > full || size > SnapLen {
		return record{}, fmt.Errorf("%d bytes were captured of %d, in a block for %d: want at most %d",
			size, full, len(b), SnapLen)
	}
	return record{data: b[:size], full: int(full), at: i.time(stamp)}, nil
}

// simple reads a simple packet block (section 4.4): interface 0, no time stamp.
func (c *pcapng) simple() (record, error) {
	if len(c.block) < 4 {
		return record{}, errors.New("packet block is too short")
	}
	i, err := c.iface(0)
	if err != nil {
		return record{}, err
	}
	full := c.order.Uint32(c.block)
	size := full
	if i.snap != 0 {
		size = min(size, i.snap)
	}
	b := c.block[4:]
	if uint64(size) > uint64(len(b)) || size > SnapLen {
		return record{}, fmt.Errorf("%d bytes were captured, in a block for %d: want at most %d", size, len(b), SnapLen)
	}
	return record{data: b[:size], full: int(full)}, nil
}

func (c *pcapng) iface(n uint32) (iface, error) {
	if uint64(n) >= uint64(len(c.ifaces)) {
		return iface{}, fmt.Errorf("it names interface %d, the section has %d", n, len(c.ifaces))
	}
	i := c.ifaces[n]
	if i.link != linkEthernet {
		return iface{}, fmt.Errorf("interface %d has link type %d: want %d, Ethernet", n, i.link, linkEthernet)
	}
	return i, nil
}

// time converts a time stamp.
func (i iface) time(stamp uint64) time.Time {
	hi, lo := bits.Mul64(stamp%i.perSec, 1e9)
	nsec, _ := bits.Div64(hi, lo, i.perSec) // the remainder is below perSec, so hi is too
	return time.Unix(int64(stamp/i.perSec)+i.offset, int64(nsec)).UTC()
}
