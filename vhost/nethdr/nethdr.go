// Package nethdr reads and writes the header that stands before each packet in the buffers of a virtio network device
// (VIRTIO 1.2, section 5.1.6). Both halves of vhost use it.
//
//	0     1        2        4        6          8           10
//	flags gso_type hdr_len  gso_size csum_start csum_offset num_buffers   little-endian
//
// A header from the other side is untrusted, and may change while it is read: copy it once, parse the copy.
package nethdr

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/ring/frame"
)

// Sizes of the header.
const (
	Size       = 12 // bytes, with VERSION_1 or MRG_RXBUF
	LegacySize = 10 // bytes, with neither: num_buffers is not there
)

// le is the byte order of devices with VERSION_1, and of every legacy one on the machines Culvert runs on.
var le = binary.LittleEndian

// Parse says what the sender of a packet of total bytes left undone. need is false when that is nothing. ok is
// false when the header cannot be true: a checksum outside the packet, segments of no size, or of a kind that
// nobody knows, or segments without the checksum that belongs to them (5.1.6.2). Whether the kind was negotiated is for
// the caller to see.
func Parse(h *[Size]byte, total int) (o frame.Offload, need, ok bool) {
	if le.Uint16(h[:]) == 0 || h[0]&uint8(frame.NeedsCsum) == 0 && h[1] == 0 {
		return o, false, true // nearly every packet
	}
	if h[0]&uint8(frame.NeedsCsum) == 0 {
		return o, false, false
	}
	o.Csum = frame.NeedsCsum
	o.CsumStart, o.CsumOffset = le.Uint16(h[6:]), le.Uint16(h[8:])
	if int(o.CsumStart)+int(o.CsumOffset)+2 > total {
		return o, false, false
	}
	if o.GSO = frame.GSOType(h[1]); o.GSO == frame.GSONone {
		return o, true, true
	}
	o.GSOSize = le.Uint16(h[4:])
	o.HeaderLen = uint16(min(int(le.Uint16(h[2:])), total)) // a hint (5.1.6.2)
	return o, true, o.GSOSize > 0 && known(o.GSO)
}

// Plain reports whether h is the header of a packet that is complete, and in one buffer if several are possible. It reads
// h in place: what it says no to is for Parse.
func Plain(h *[Size]byte, several bool) bool {
	return le.Uint16(h[:]) == 0 && (!several || le.Uint16(h[10:]) == 1)
}

// known reports whether g is a kind of segments; ECN goes with TCP alone.
func known(g frame.GSOType) bool {
	switch g {
	case frame.GSOTCPv4, frame.GSOTCPv6, frame.GSOTCPv4 | frame.GSOECN, frame.GSOTCPv6 | frame.GSOECN,
		frame.GSOUDP, frame.GSOUDPL4:
		return true
	}
	return false
}

// Buffers returns num_buffers: how many buffers the packet takes. Valid with MRG_RXBUF, 1 otherwise.
func Buffers(h *[Size]byte) int { return int(le.Uint16(h[10:])) }

// PutBuffers changes how many buffers the packet of a header takes, when that is known later.
func PutBuffers(h *[Size]byte, buffers uint16) { le.PutUint16(h[10:], buffers) }

// PutPlain makes h the header of a packet that is complete and takes one buffer: Size bytes, or LegacySize. One that
// is so already is not written to: buffers come round again with the header they had, and a cache line that nobody
// writes to stays with both sides.
func PutPlain(h []byte) {
	if le.Uint64(h) != 0 {
		le.PutUint64(h, 0)
	}
	if len(h) == Size {
		if le.Uint32(h[8:]) != 1<<16 {
			le.PutUint32(h[8:], 1<<16)
		}
	} else if le.Uint16(h[8:]) != 0 {
		le.PutUint16(h[8:], 0)
	}
}

// Put writes the header of a packet for the receiver of buffers buffers: 1 where the packet is in one piece. A
// driver that sends writes 0 (5.1.6.2). o is nil for a packet that is complete as it is.
func Put(h *[Size]byte, o *frame.Offload, buffers uint16) {
	if o == nil { // as PutPlain: what is there already is not written
		if le.Uint64(h[:]) != 0 {
			le.PutUint64(h[:], 0)
		}
		if rest := uint32(buffers) << 16; le.Uint32(h[8:]) != rest {
			le.PutUint32(h[8:], rest)
		}
		return
	}
	h[0], h[1] = uint8(o.Csum&frame.NeedsCsum), uint8(o.GSO)
	le.PutUint16(h[2:], 0)
	le.PutUint16(h[4:], 0)
	if o.GSO != frame.GSONone {
		le.PutUint16(h[2:], o.HeaderLen)
		le.PutUint16(h[4:], o.GSOSize)
	}
	le.PutUint16(h[6:], 0)
	le.PutUint16(h[8:], 0)
	if o.Csum&frame.NeedsCsum != 0 {
		le.PutUint16(h[6:], o.CsumStart)
		le.PutUint16(h[8:], o.CsumOffset)
	}
	le.PutUint16(h[10:], buffers)
}
