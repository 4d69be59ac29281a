package wire

import (
	"encoding/binary"
	"math/bits"
)

// Sum adds b to a running Internet checksum (RFC 1071) and returns it: a sum of 16-bit words, neither
// folded nor complemented. An odd byte at the end counts as the upper half of a word; pieces of a
// packet that may be odd go through a Summer.
func Sum(b []byte, initial uint32) uint32 {
	// The sum does not depend on the width or order of the words as long as carries come back in at
	// the other end (RFC 1071 section 2): add 8 bytes at a time as this machine loads them, swap the
	// two bytes that remain.
	var s, c uint64
	for len(b) >= 32 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[24:]), c)
		b = b[32:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), c)
		b = b[8:]
	}
	var tail uint64 // up to 7 bytes
	shift := 0
	if len(b) >= 4 {
		tail, shift = uint64(binary.LittleEndian.Uint32(b)), 32
		b = b[4:]
	}
	for _, v := range b {
		tail |= uint64(v) << shift
		shift += 8
	}
	s, c = bits.Add64(s, tail, c)
	s, c = bits.Add64(s, 0, c)
	s += c
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	return initial + uint32(bits.ReverseBytes16(Fold(uint32(s))))
}

// Fold brings a running sum down to 16 bits. Only the sum of nothing but zeros becomes 0.
func Fold(sum uint32) uint16 {
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum)
}

// Checksum returns the checksum of b, folded and complemented, as headers carry it.
func Checksum(b []byte) uint16 { return ^Fold(Sum(b, 0)) }

// A Summer sums up a packet that comes in pieces of any length. The zero value is an empty sum.
type Summer struct {
	sum uint32
	odd bool // an odd number of bytes so far
}

// Add adds the next piece.
func (s *Summer) Add(b []byte) {
	n := Fold(Sum(b, 0))
	if s.odd {
		n = bits.ReverseBytes16(n) // every byte is in the other half of its word
	}
	s.sum = uint32(Fold(s.sum + uint32(n)))
	s.odd = s.odd != (len(b)&1 != 0)
}

// Sum returns the running sum of all pieces.
func (s *Summer) Sum() uint32 { return s.sum }

// PseudoIPv4 returns the running sum of the pseudo-header of TCP and UDP over the IPv4 header h, which
// has at least IPv4Size bytes (RFC 9293 section 3.1). size is the length of the transport header and
// payload in bytes.
func PseudoIPv4(h []byte, proto uint8, size int) uint32 {
	_ = h[IPv4Size-1]
	return addWords(binary.BigEndian.Uint64(h[IPv4Src:])) + uint32(proto) + uint32(size)
}

// PseudoIPv6 is the same over the IPv6 header h, which has at least IPv6Size bytes (RFC 8200 section
// 8.1).
func PseudoIPv6(h []byte, proto uint8, size int) uint32 {
	_ = h[IPv6Size-1]
	return addWords(binary.BigEndian.Uint64(h[IPv6Src:])) + addWords(binary.BigEndian.Uint64(h[IPv6Src+8:])) +
		addWords(binary.BigEndian.Uint64(h[IPv6Dst:])) + addWords(binary.BigEndian.Uint64(h[IPv6Dst+8:])) +
		uint32(proto) + uint32(size>>16) + uint32(size&0xffff)
}

// addWords returns the sum of the four 16-bit words of v.
func addWords(v uint64) uint32 {
	return uint32(v>>48) + uint32(v>>32&0xffff) + uint32(v>>16&0xffff) + uint32(v&0xffff)
}

// Update16 returns the checksum check after a 16-bit word it covers has changed (RFC 1624 equation 3).
func Update16(check, old, new uint16) uint16 {
	return ^Fold(uint32(^check) + uint32(^old) + uint32(new))
}

// Update32 returns the checksum check after two adjacent words it covers have changed.
func Update32(check uint16, old, new uint32) uint16 {
	return ^Fold(uint32(^check) + ^old>>16 + ^old&0xffff + new>>16 + new&0xffff)
}

// Update128 returns the checksum check after an IPv6 address it covers has changed.
func Update128(check uint16, old, new *[16]byte) uint16 {
	sum := uint32(^check)
	for i := 0; i < 16; i += 8 {
		sum += addWords(^binary.BigEndian.Uint64(old[i:])) + addWords(binary.BigEndian.Uint64(new[i:]))
	}
	return ^Fold(sum)
}
