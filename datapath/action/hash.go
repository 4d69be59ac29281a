package action

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/encap/wire"
)

// Hash returns the dp_hash of the packet pkt, whose network and transport headers are at l3 and l4 in bytes
// from its start; 0 means there is none. It depends on the packet's bytes and basis alone, so that it is the
// same on every port, worker and machine, and for good.
//
// A packet has two ends, each an address of 128 bits and a port of 16: those of IPv6 and TCP, UDP or SCTP;
// of IPv4 the address with zeros in front. Other protocols have port 0. Packets that are not IPv4 or IPv6,
// and those with MPLS labels in front, have their Ethernet addresses, with zeros in front, and port 0. All
// fragments of a datagram, the first as well, have port 0 and count as of protocol 0, so that they stay together.
//
// The ends are those of source and destination in this order; HashSymL4 puts the smaller first, as a number
// of 144 bits with the address in front. Five words of 64 bits are then hashed: high and low half of the first
// address, those of the second, and protocol<<32 | first port<<16 | second port. From h = basis<<8 | 1 each
// word w makes h = fold((h ^ w ^ 0x9e3779b97f4a7c15) * 0xd6e8feb86659fd93), where fold is the exclusive or of
// the halves of a product of 128 bits. The dp_hash is the exclusive or of the halves of the last h.
func Hash(alg HashAlg, basis uint32, pkt []byte, l3, l4 int) uint32 {
	a, b, proto := ends(pkt, l3, l4)
	if alg == HashSymL4 && b.less(&a) {
		a, b = b, a
	}
	h := uint64(basis)<<8 | 1
	for _, w := range [...]uint64{a.high, a.low, b.high, b.low, uint64(proto)<<32 | uint64(a.port)<<16 | uint64(b.port)} {
		hi, lo := bits.Mul64(h^w^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
		h = hi ^ lo
	}
	return uint32(h ^ h>>32)
}

// An end is where a packet comes from or goes to.
type end struct {
	high, low uint64
	port      uint16
}

func (e *end) less(o *end) bool {
	switch {
	case e.high != o.high:
		return e.high < o.high
	case e.low != o.low:
		return e.low < o.low
	}
	return e.port < o.port
}

// ends returns source and destination of a packet, and its protocol.
func ends(pkt []byte, l3, l4 int) (src, dst end, proto uint8) {
	typ := uint16(0)
	if l3 >= wire.EthernetSize {
		typ = binary.BigEndian.Uint16(pkt[l3-2:])
	}
	switch {
	case typ == wire.TypeIPv4 && len(pkt) >= l3+wire.IPv4Size:
		src.low = uint64(binary.BigEndian.Uint32(pkt[l3+wire.IPv4Src:]))
		dst.low = uint64(binary.BigEndian.Uint32(pkt[l3+wire.IPv4Dst:]))
	case typ == wire.TypeIPv6 && len(pkt) >= l3+wire.IPv6Size:
		src.high, src.low = halves(pkt[l3+wire.IPv6Src:])
		dst.high, dst.low = halves(pkt[l3+wire.IPv6Dst:])
	case len(pkt) >= wire.EthernetSize:
		src.low = binary.BigEndian.Uint64(pkt[wire.EthSrc:]) >> 16
		dst.low = binary.BigEndian.Uint64(pkt[wire.EthDst:]) >> 16
		return src, dst, 0
	default:
		return src, dst, 0
	}
	proto, src.port, dst.port, _ = wire.Ports(pkt, l3, l4)
	return src, dst, proto
}

func halves(b []byte) (high, low uint64) {
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
}
