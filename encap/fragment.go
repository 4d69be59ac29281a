package encap

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// The IPv6 fragment header (RFC 8200 section 4.5): next header, a reserved byte, offset and flag, identification.
const (
	fragmentSize = 8 // bytes, also the unit of offsets
	fragmentMore = 1 // of offset and flag: others follow
)

// maxHead is the most bytes of headers that a fragment has: Ethernet with two VLAN tags, and IPv4 with all its options,
// which is more than IPv6 with a fragment header.
const maxHead = wire.EthernetSize + 2*wire.VLANTagSize + maxIPv4

// A cut is a packet being cut into fragments.
type cut struct {
	c    *frame.Cache
	p    *frame.Pool
	head [maxHead]byte
	size int // bytes of head: Ethernet and IP header, and for IPv6 the fragment header to be
	l3   int // offset of the IP header in bytes
	v6   bool
	more bool        // IPv4: the packet is a fragment that is not the last
	base int         // IPv4: bytes of the payload's place in that of the packet it is a fragment of
	from frame.Frame // buffer that the next payload byte is in
	off  int         // where in it
	left int         // bytes of payload
}

// Fragment appends the outer packet f to out in fragments whose network packets have at most mtu bytes, and frees it.
// f is as Push has left it: an Ethernet header, perhaps with a VLAN tag, and an IP header without options. It must be
// longer than mtu.
//
// When that cannot be done (TooBig: the packet must not be fragmented, fragments would be smaller than a Reassembler takes,
// or out has no room for so many; NoBuffer), f stays with the caller and out as it was.
func Fragment(c *frame.Cache, k *Counters, f frame.Frame, mtu int, out *frame.Batch) Reason {
	x := cut{c: c, p: c.Pool(), from: f}
	if !x.start(k) {
		return TooBig
	}
	return x.all(f, mtu, minFragment, out)
}

// all appends the fragments of f to out, with network packets of at most mtu bytes and at least so many bytes of payload
// in all but the last.
func (x *cut) all(f frame.Frame, mtu, least int, out *frame.Batch) Reason {
	most := (mtu - (x.size - x.l3)) &^ (fragmentSize - 1) // bytes of payload
	if most < least || (x.left+most-1)/most > out.Room() {
		return TooBig
	}
	before := out.Len()
	for at := 0; x.left > 0; at += most {
		g, ok := x.next(at, min(most, x.left))
		if !ok {
			for _, g := range out.Frames()[before:] {
				x.c.Put(g)
			}
			out.Truncate(before)
			return NoBuffer
		}
		out.Append(g)
	}
	x.c.Put(f)
	return Good
}

// start reads the headers; ok is false when the packet is none that may be cut.
func (x *cut) start(k *Counters) bool {
	pkt := x.p.Bytes(x.from)
	l3, typ := network(pkt, 0)
	be := binary.BigEndian
	switch {
	case typ == wire.TypeIPv4 && len(pkt) > l3+wire.IPv4Size && pkt[l3] == 0x45:
		if be.Uint16(pkt[l3+wire.IPv4Fragment:]) != 0 {
			return false
		}
		x.off = l3 + wire.IPv4Size
	case typ == wire.TypeIPv6 && len(pkt) > l3+wire.IPv6Size:
		x.off, x.v6 = l3+wire.IPv6Size, true
	default:
		return false
	}
	if x.off > maxHead-fragmentSize {
		return false
	}
	x.l3, x.size = l3, x.off
	h := x.head[:]
	copy(h, pkt[:x.off])
	x.left = x.p.Total(x.from) - x.off
	if x.v6 {
		id := k.identity(h[l3:]).take(1)
		h[x.off], h[l3+wire.IPv6Next] = h[l3+wire.IPv6Next], wire.ProtoFragment
		be.PutUint32(h[x.off+4:], id)
		x.size += fragmentSize
	}
	return true
}

// next returns the fragment with the next n bytes of payload, which are at offset at.
func (x *cut) next(at, n int) (frame.Frame, bool) {
	if at > 0 && !x.v6 && x.size-x.l3 > wire.IPv4Size {
		x.shortenOptions()
	}
	x.left -= n
	x.label(at, n)
	var ch frame.Chain
	for head := x.head[:x.size]; n > 0; head = nil {
		g, ok := x.c.Get()
		if !ok {
			break
		}
		size := min(len(head)+n, x.p.Room())
		x.p.SetLen(&g, size)
		b := x.p.Bytes(g)
		x.read(b[copy(b, head):])
		n -= size - len(head)
		if !ch.Append(x.p, g) {
			x.c.Put(g)
			break
		}
	}
	if n > 0 {
		if ch.Len() > 0 {
			x.c.Put(ch.Frame(x.p))
		}
		return frame.Frame{}, false
	}
	return ch.Frame(x.p), true
}

// label makes the headers those of the fragment with n bytes of payload at offset at.
func (x *cut) label(at, n int) {
	be := binary.BigEndian
	h := x.head[x.l3:x.size]
	if x.v6 {
		be.PutUint16(h[wire.IPv6Length:], uint16(fragmentSize+n))
		place := uint16(at) // in units of 8 bytes, shifted up by 3
		if x.left > 0 {
			place |= fragmentMore
		}
		be.PutUint16(h[wire.IPv6Size+2:], place)
		return
	}
	be.PutUint16(h[wire.IPv4Length:], uint16(len(h)+n))
	place := uint16((x.base + at) / fragmentSize)
	if x.left > 0 || x.more {
		place |= wire.IPv4MoreFragments
	}
	be.PutUint16(h[wire.IPv4Fragment:], place)
	be.PutUint16(h[wire.IPv4Checksum:], 0)
	be.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h))
}

// read fills b with the next bytes of payload, of which there are as many.
func (x *cut) read(b []byte) {
	for len(b) > 0 {
		src := x.p.Bytes(x.from)[x.off:]
		n := copy(b, src)
		b = b[n:]
		if x.off += n; n == len(src) && x.from.More() > 0 {
			x.from, _ = x.p.Next(x.from)
			x.off = 0
		}
	}
}
