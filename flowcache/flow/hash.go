package flow

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// A Seed keys the hash, so that nobody outside the process can tell which packets collide. Every word
// is mixed with a secret before a 64 by 64 bit multiplication whose two halves are folded together: the
// construction of wyhash (Wang Yi, "Modern non-cryptographic hash function", 2020). It is not linear,
// unlike the CRC a guest could solve for collisions.
type Seed [blockWords]uint64

// NewSeed returns a random seed.
func NewSeed() Seed {
	var b [len(Seed{}) * 8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process when the kernel has no randomness
	var s Seed
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[i*8:]) | 1
	}
	return s
}

// FixedSeed returns a seed made from n alone, for runs that have to repeat exactly: replays, tests.
func FixedSeed(n uint64) Seed {
	var s Seed
	for i := range s {
		// splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
		n += 0x9e3779b97f4a7c15
		z := (n ^ n>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		s[i] = (z ^ z>>31) | 1
	}
	return s
}

// mix folds the 128-bit product of a and b.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// HashBlock returns the hash of b, chained to h: the hash of the blocks before it, or 0.
func HashBlock(h uint64, b *Block, seed *Seed) uint64 {
	v0, v1, v2, v3 := products(b, seed)
	return join(h, v0, v1, v2, v3, seed)
}

// products returns four products of b's words that do not wait for each other.
func products(b *Block, seed *Seed) (v0, v1, v2, v3 uint64) {
	v0 = mix(b.word(0)^seed[0], b.word(1)^seed[1])
	v1 = mix(b.word(2)^seed[2], b.word(3)^seed[3])
	v2 = mix(b.word(4)^seed[4], b.word(5)^seed[5])
	v3 = mix(b.word(6)^seed[6], b.word(7)^seed[7])
	return v0, v1, v2, v3
}

// HashMaskedBlock returns HashBlock of the bits of b that are set in m.
func HashMaskedBlock(h uint64, b, m *Block, seed *Seed) uint64 {
	v0 := mix(b.word(0)&m.word(0)^seed[0], b.word(1)&m.word(1)^seed[1])
	v1 := mix(b.word(2)&m.word(2)^seed[2], b.word(3)&m.word(3)^seed[3])
	v2 := mix(b.word(4)&m.word(4)^seed[4], b.word(5)&m.word(5)^seed[5])
	v3 := mix(b.word(6)&m.word(6)^seed[6], b.word(7)&m.word(7)^seed[7])
	return join(h, v0, v1, v2, v3, seed)
}

// join makes one hash of the four products of a block and the hash before it. Each product is rotated
// by an amount of its own, so that blocks whose halves are exchanged differ.
func join(h, v0, v1, v2, v3 uint64, seed *Seed) uint64 {
	a := v0 ^ bits.RotateLeft64(v1, 17)
	b := v2 ^ bits.RotateLeft64(v3, 41)
	return mix(a^h^seed[1], b^bits.RotateLeft64(h, 32)^seed[6])
}
