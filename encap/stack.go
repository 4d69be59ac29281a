package encap

import (
	"encoding/binary"
	"sync"

	"github.com/culvertdev/culvert/encap/wire"
)

// MaxWords is the most words of a header stack.
const MaxWords = 1 + (MaxStack+7)/8

// AppendStack appends the header stack of o to words, as the operand of an action, and returns it: a word for the
// Pusher, then the bytes, eight to a word with the first in the least significant place. Where the number of bytes is
// no multiple of 8, the first word overlaps the second: it has bytes 0 to 7, the others the last multiple of 8.
//
// Equal Outers make equal words. Lengths, checksums and what else depends on the packet are 0, except that the IPv4
// checksum is that of the header as it stands.
func AppendStack(words []uint64, o *Outer) ([]uint64, error) {
	if err := o.Check(); err != nil {
		return words, err
	}
	w := drafts.Get().(*draft)
	defer drafts.Put(w)
	w.d = 0
	w.d.setType(o.Type)
	b := appendLink(w.buf[:0], o)
	w.d.setL3(len(b))
	b = appendNetwork(b, o, &w.d)
	b = appendTransport(b, o, &w.d)
	b = kinds[o.Type].build(b, o, &w.d)
	w.d.setSize(len(b))
	words = append(words, uint64(w.d), binary.LittleEndian.Uint64(b))
	for b = b[(len(b)-1)%8+1:]; len(b) > 0; b = b[8:] {
		words = append(words, binary.LittleEndian.Uint64(b))
	}
	return words, nil
}

// A draft is a header stack that is being built. Drafts are used again, so that new flows make no garbage.
type draft struct {
	buf [MaxStack]byte
	d   descriptor
}

var drafts = sync.Pool{New: func() any { return new(draft) }}

// appendLink appends the Ethernet header.
func appendLink(b []byte, o *Outer) []byte {
	b = append(b, o.DstMAC[:]...)
	b = append(b, o.SrcMAC[:]...)
	if o.VLAN != 0 {
		b = binary.BigEndian.AppendUint16(b, wire.TypeVLAN)
		b = binary.BigEndian.AppendUint16(b, o.VLAN)
	}
	if o.Src.Is4() {
		return binary.BigEndian.AppendUint16(b, wire.TypeIPv4)
	}
	return binary.BigEndian.AppendUint16(b, wire.TypeIPv6)
}

// appendNetwork appends the IP header.
func appendNetwork(b []byte, o *Outer, d *descriptor) []byte {
	if o.InheritTOS {
		*d |= dInheritTOS
	}
	if o.InheritTTL {
		*d |= dInheritTTL
	}
	proto := kinds[o.Type].proto
	if !o.Src.Is4() {
		*d |= dV6
		if o.Label == 0 && !o.Type.UDP() {
			*d |= dEntropy // there are no ports for routers to look at (RFC 6438 section 3)
		}
		b = binary.BigEndian.AppendUint32(b, 6<<28|uint32(o.TOS)<<20|o.Label)
		b = append(b, 0, 0, proto, o.TTL)
		src, dst := o.Src.As16(), o.Dst.As16()
		return append(append(b, src[:]...), dst[:]...)
	}
	at := len(b)
	b = append(b, 0x45, o.TOS, 0, 0, 0, 0, 0, 0, o.TTL, proto, 0, 0)
	src, dst := o.Src.As4(), o.Dst.As4()
	b = append(append(b, src[:]...), dst[:]...)
	h := b[at:]
	if o.DontFragment {
		h[wire.IPv4Fragment] = wire.IPv4DontFragment >> 8
	} else {
		*d |= dID
	}
	binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h))
	return b
}

// appendTransport appends the UDP header, if o has one.
func appendTransport(b []byte, o *Outer, d *descriptor) []byte {
	if o.Checksum {
		*d |= dSum
	}
	if !o.Type.UDP() {
		return b
	}
	*d |= dUDP
	if o.SrcPort == 0 {
		*d |= dEntropy
	}
	dst := o.DstPort
	if dst == 0 {
		dst = o.Type.Port()
	}
	b = binary.BigEndian.AppendUint16(b, o.SrcPort)
	b = binary.BigEndian.AppendUint16(b, dst)
	return append(b, 0, 0, 0, 0)
}

// writeStack writes the bytes of words to b, which has as many.
func writeStack(b []byte, words []uint64) {
	binary.LittleEndian.PutUint64(b, words[0])
	b = b[(len(b)-1)%8+1:]
	for _, w := range words[1:] {
		binary.LittleEndian.PutUint64(b, w)
		b = b[8:]
	}
}
