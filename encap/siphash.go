package encap

import "math/bits"

// A sipKey is a secret that hashes are made with.
type sipKey [2]uint64

// hash returns SipHash-2-4 of the bytes of words, each with its first byte in the least significant place (Aumasson and
// Bernstein, "SipHash: a fast short-input PRF", 2012): who does not know the key learns from some hashes nothing of others.
func (k *sipKey) hash(words ...uint64) uint64 {
	s := sipState{k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d, k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573}
	for _, w := range words {
		s.mix(w)
	}
	s.mix(uint64(len(words)*8) << 56)
	s[2] ^= 0xff
	for range 4 {
		s.round()
	}
	return s[0] ^ s[1] ^ s[2] ^ s[3]
}

// A sipState is what SipHash works on.
type sipState [4]uint64

// mix takes in a word.
func (s *sipState) mix(w uint64) {
	s[3] ^= w
	s.round()
	s.round()
	s[0] ^= w
}

// round is SipRound.
func (s *sipState) round() {
	s[0] += s[1]
	s[2] += s[3]
	s[1] = bits.RotateLeft64(s[1], 13) ^ s[0]
	s[3] = bits.RotateLeft64(s[3], 16) ^ s[2]
	s[0] = bits.RotateLeft64(s[0], 32)
	s[2] += s[1]
	s[0] += s[3]
	s[1] = bits.RotateLeft64(s[1], 17) ^ s[2]
	s[3] = bits.RotateLeft64(s[3], 21) ^ s[0]
	s[2] = bits.RotateLeft64(s[2], 32)
}
