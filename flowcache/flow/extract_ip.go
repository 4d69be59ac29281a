package flow

import (
	"encoding/binary"

	"github.com/culvertdev/culvert/encap/wire"
)

// maxPadding is the most bytes behind an IP packet that its frame may have; OVS keeps their number in
// 16 bits and takes the packet as malformed beyond.
const maxPadding = 0xffff

// ipv4 parses an IPv4 header and what it carries. Like OVS it does not look at the version: the
// EtherType said what this is.
func (k *Keys) ipv4(i int, pkt []byte, off, total int) {
	if len(pkt) < off+wire.IPv4Size {
		return
	}
	h := (*[wire.IPv4Size]byte)(pkt[off:])
	header := int(h[0]&0x0f) * 4
	length := int(binary.BigEndian.Uint16(h[wire.IPv4Length:]))
	size := total - off
	if header < wire.IPv4Size || header > length || length > size || size-length > maxPadding {
		return
	}
	base := &k.Block[Base][i]
	k.L3[i] = uint16(off)
	base[OffIPProto] = h[wire.IPv4Protocol]
	base[OffIPTOS] = h[wire.IPv4TOS]
	base[OffIPTTL] = h[wire.IPv4TTL]
	copy(base[OffIPSrc:OffIPSrc+8], h[wire.IPv4Src:]) // both addresses
	if frag := binary.BigEndian.Uint16(h[wire.IPv4Fragment:]); frag&(wire.IPv4MoreFragments|wire.IPv4FragOffset) != 0 {
		base[OffIPFrag] = FragAny
		if frag&wire.IPv4FragOffset != 0 {
			base[OffIPFrag] = FragAny | FragLater
			return
		}
	}
	k.L4[i] = uint16(off + header)
	// Bytes behind the IP packet are padding and never looked at.
	k.transport(i, pkt, h[wire.IPv4Protocol], off+header, off+length)
}

// ipv6 parses an IPv6 header, its extension headers and what they carry.
func (k *Keys) ipv6(i int, pkt []byte, off, total int) {
	base, ext := &k.Block[Base][i], &k.Block[Net6][i]
	*ext = Block{}
	base[OffBlocks] |= 1 << Net6
	if len(pkt) < off+wire.IPv6Size {
		return
	}
	h := (*[wire.IPv6Size]byte)(pkt[off:])
	length := wire.IPv6Size + int(binary.BigEndian.Uint16(h[wire.IPv6Length:]))
	size := total - off
	if length > size || size-length > maxPadding {
		return
	}
	k.L3[i] = uint16(off)
	copy(ext[OffIP6Src:OffIP6Src+32], h[wire.IPv6Src:]) // both addresses
	end := off + length
	l4, proto, frag, ok := extensions(pkt[:min(end, len(pkt))], off+wire.IPv6Size, h[wire.IPv6Next])
	if !ok {
		return // only the addresses count, as in OVS
	}
	v := binary.BigEndian.Uint32(h[:])
	binary.BigEndian.PutUint32(ext[OffIP6Label:], v&0xfffff)
	base[OffIPTOS] = byte(v >> 20)
	base[OffIPTTL] = h[wire.IPv6HopLimit]
	base[OffIPProto] = proto
	base[OffIPFrag] = frag
	if frag&FragLater != 0 {
		return
	}
	k.L4[i] = uint16(l4)
	k.transport(i, pkt, proto, l4, end)
}

// extensions walks the IPv6 extension headers from off to the end of pkt and returns where the payload
// starts, its protocol and the fragment bits, of several fragment headers those of all. A later fragment has the protocol ProtoFragment. It is
// not ok when a header is cut off. Every header is at least 8 bytes, which bounds the walk.
func extensions(pkt []byte, off int, next byte) (l4 int, proto, frag byte, ok bool) {
	for {
		switch next {
		case wire.ProtoHopOpts, wire.ProtoRouting, wire.ProtoDstOpts, wire.ProtoAH, wire.ProtoFragment:
		default:
			return off, next, frag, true
		}
		if len(pkt) < off+8 {
			return 0, 0, 0, false
		}
		kind, h := next, pkt[off:off+8]
		next = h[0]
		switch kind {
		case wire.ProtoAH:
			off += (int(h[1]) + 2) * 4 // RFC 4302 section 2.2
		case wire.ProtoFragment:
			off += 8
			field := binary.BigEndian.Uint16(h[2:])
			if field == 0 {
				frag |= FragAtomic
			} else {
				frag |= FragAny
				if field&wire.IPv6FragOffset != 0 {
					return off, wire.ProtoFragment, frag | FragLater, true
				}
			}
		default:
			off += (int(h[1]) + 1) * 8 // RFC 8200 sections 4.3, 4.4, 4.6
		}
		if len(pkt) < off {
			return 0, 0, 0, false
		}
	}
}
