package encap

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// entropy returns 32 bits that are the same for all packets of a connection in one direction, and differ between
// most others: what spreads tunnel packets over equal paths (RFC 7348 section 5, RFC 6438). It is made of
// addresses, protocol and ports; fragments have no ports, and packets other than IP their Ethernet addresses. l3 and
// l4 are the offsets of the headers, 0 where there is none. It is no secret.
func entropy(pkt []byte, l3, l4 int) uint32 {
	var a, b uint64
	switch {
	case l3 != 0 && len(pkt) >= l3+wire.IPv4Size && pkt[l3]>>4 == 4:
		h := pkt[l3:]
		a = binary.LittleEndian.Uint64(h[wire.IPv4Src:])
		b = uint64(h[wire.IPv4Protocol]) << 32
		if binary.BigEndian.Uint16(h[wire.IPv4Fragment:])&(wire.IPv4MoreFragments|wire.IPv4FragOffset) == 0 {
			b |= portBits(pkt, l4)
		}
	case l3 != 0 && len(pkt) >= l3+wire.IPv6Size && pkt[l3]>>4 == 6:
		h := pkt[l3+wire.IPv6Src:]
		a = binary.LittleEndian.Uint64(h) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(h[16:]), 32)
		b = fold(binary.LittleEndian.Uint64(h[8:])^entropy1, binary.LittleEndian.Uint64(h[24:])^entropy2)
		if next := pkt[l3+wire.IPv6Next]; next != wire.ProtoFragment {
			b ^= portBits(pkt, l4) | uint64(next)<<32
		}
	case len(pkt) >= wire.EthernetSize:
		a = binary.LittleEndian.Uint64(pkt)
		b = uint64(binary.LittleEndian.Uint32(pkt[8:]))
	}
	return mix(a, b)
}

// mix makes 32 bits of all bits of a and b.
func mix(a, b uint64) uint32 {
	h := fold(a^entropy1, b^entropy2)
	return uint32(h ^ h>>32)
}

// Odd numbers whose bits have no order.
const (
	entropy1 = 0x9e3779b97f4a7c15
	entropy2 = 0xd6e8feb86659fd93
)

// read looks at what is in the frames, but for those with a bit in skip: it writes the entropy of each to u.hash, and returns a bit for each whose headers may
// have a congestion mark, or be no IP headers. What most are, IPv4 packets without options that are no fragments, is
// read here.
func (u *Pusher) read(skip uint64) (marked uint64) {
	pool, frames := u.Pool, u.frames
	l3s, l4s, hash := u.l3[:len(frames)], u.l4[:len(frames)], u.hash[:len(frames)]
	for i, f := range frames {
		if skip>>(i&63)&1 != 0 {
			continue
		}
		pkt, l3, l4 := pool.Bytes(f), int(l3s[i]), int(l4s[i])
		if l3 >= wire.EthernetSize && l4 == l3+wire.IPv4Size && len(pkt) >= l4+4 {
			h := (*[inner4]byte)(pkt[l3-2:])
			if unmarkedIPv4(h) {
				b := uint64(h[2+wire.IPv4Protocol])<<32 | uint64(binary.LittleEndian.Uint32(h[2+wire.IPv4Size:]))
				hash[i] = mix(binary.LittleEndian.Uint64(h[2+wire.IPv4Src:]), b)
				continue
			}
		}
		hash[i] = entropy(pkt, l3, l4)
		if !unmarked(pkt, l3) {
			marked |= 1 << i
		}
	}
	return marked
}

// inner4 is what read looks at of most packets: EtherType, IPv4 header without options, ports.
const inner4 = 2 + wire.IPv4Size + 4 // bytes

// unmarkedIPv4 reports whether h starts with the EtherType and header of an IPv4 packet that is no fragment and says nothing
// of congestion.
func unmarkedIPv4(h *[inner4]byte) bool {
	const fragment = wire.IPv4MoreFragments | wire.IPv4FragOffset
	return binary.BigEndian.Uint32(h[:])&markMask4 == unmarked4 && binary.BigEndian.Uint16(h[2+wire.IPv4Fragment:])&fragment == 0
}

// portBits returns the two ports of the transport header at l4, or whatever the 4 bytes there are; 0 if there are none.
func portBits(pkt []byte, l4 int) uint64 {
	if l4 == 0 || len(pkt) < l4+4 {
		return 0
	}
	return uint64(binary.LittleEndian.Uint32(pkt[l4:]))
}

// fold returns the two halves of a product as one.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
