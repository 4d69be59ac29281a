package datapath

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// entropy returns 32 bits that are the same for all packets of a connection in one direction, and differ between
// most others: what spreads tunnel packets over equal paths (RFC 7348 section 5, RFC 6438). It is made of
// addresses, protocol and ports; fragments have no ports, and packets other than IP their Ethernet addresses. l3 and
// l4 are the offsets of the headers, 0 where there is none. It is no secret.
func entropy(pkt []byte, l3, l4 int) uint32 {
	const c1, c2 = entropy1, entropy2
	var a, b uint64
	switch {
	case l3 != 0 && len(pkt) >= l3+wire.IPv4Size && pkt[l3]>>4 == 4:
		h := pkt[l3:]
		a = binary.LittleEndian.Uint64(h[wire.IPv4Src:])
		b = uint64(h[wire.IPv4Protocol]) << 32
		if binary.BigEndian.Uint16(h[wire.IPv4Fragment:])&(wire.IPv4MoreFragments|wire.IPv4FragOffset) == 0 {
			b |= ports(pkt, l4)
		}
	case l3 != 0 && len(pkt) >= l3+wire.IPv6Size && pkt[l3]>>4 == 6:
		h := pkt[l3+wire.IPv6Src:]
		a = binary.LittleEndian.Uint64(h) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(h[16:]), 32)
		b = fold(binary.LittleEndian.Uint64(h[8:])^c1, binary.LittleEndian.Uint64(h[24:])^c2)
		if next := pkt[l3+wire.IPv6Next]; next != wire.ProtoFragment {
			b ^= ports(pkt, l4) | uint64(next)<<32
		}
	case len(pkt) >= wire.EthernetSize:
		a = binary.LittleEndian.Uint64(pkt)
		b = uint64(binary.LittleEndian.Uint32(pkt[8:]))
	}
	h := fold(a^c1, b^c2)
	return uint32(h ^ h>>32)
}

// Odd numbers whose bits have no order.
const (
	entropy1 = 0x9e3779b97f4a7c15
	entropy2 = 0xd6e8feb86659fd93
)

// entropies writes the entropy of each packet to e. What most are, IPv4 packets that are no fragments, is read here.
func entropies(pool *frame.Pool, frames []frame.Frame, l3s, l4s []uint16, e *[frame.MaxBatch]uint32) {
	l3s, l4s = l3s[:len(frames)], l4s[:len(frames)]
	for i, f := range frames {
		pkt, l3, l4 := pool.Bytes(f), int(l3s[i]), int(l4s[i])
		if l3 == 0 || l4 < l3+wire.IPv4Size || len(pkt) < l4+4 {
			e[i] = entropy(pkt, l3, l4)
			continue
		}
		h := (*[wire.IPv4Size]byte)(pkt[l3:])
		if h[0]>>4 != 4 || binary.BigEndian.Uint16(h[wire.IPv4Fragment:])&(wire.IPv4MoreFragments|wire.IPv4FragOffset) != 0 {
			e[i] = entropy(pkt, l3, l4)
			continue
		}
		b := uint64(h[wire.IPv4Protocol])<<32 | uint64(binary.LittleEndian.Uint32(pkt[l4:]))
		x := fold(binary.LittleEndian.Uint64(h[wire.IPv4Src:])^entropy1, b^entropy2)
		e[i] = uint32(x ^ x>>32)
	}
}

// ports returns the two ports of the transport header at l4, or whatever the 4 bytes there are; 0 if there are none.
func ports(pkt []byte, l4 int) uint64 {
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
