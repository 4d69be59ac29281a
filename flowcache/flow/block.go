package flow

import "encoding/binary"

// Words of a block: whoever runs over a block bit by bit runs over these.
const blockWords = BlockSize / 8 // 8-byte words

// Bits of a set of words that those in front of the registers have.
const beforeRegs = Options*blockWords + OptionBlocks

var _ [64 - beforeRegs - (Blocks-Regs)*blockWords]struct{} // a bit for every word

// WordBit returns the bit that stands for 8-byte word i of block b in a set of words of a key, a uint64.
// Tunnel options, which few look at, share a bit per block, so that the whole key has room in it.
func WordBit(b, i int) uint64 {
	switch {
	case b < Options:
		return 1 << (b*blockWords + i)
	case b < Regs:
		return 1 << (Options*blockWords + b - Options)
	}
	return 1 << (beforeRegs + (b-Regs)*blockWords + i)
}

// word returns word i of b. The order of bytes does not matter to whoever compares or hashes, so it is
// the one that compiles to a single load.
func (b *Block) word(i int) uint64 { return binary.LittleEndian.Uint64(b[i*8:]) }

// Word is word i of b, from 0 to 7, for loops in which a call for each block would count. The order of its bytes means nothing.
func (b *Block) Word(i int) uint64 { return b.word(i) }

func (b *Block) setWord(i int, v uint64) { binary.LittleEndian.PutUint64(b[i*8:], v) }

// copy makes b the same as from, word by word: what is hashed next is in registers then.
func (b *Block) copy(from *Block) {
	for i := range blockWords {
		b.setWord(i, from.word(i))
	}
}

// Equal reports whether two blocks are the same. The comparison of the language calls the runtime for it.
func Equal(a, b *Block) bool {
	d := a.word(0) ^ b.word(0)
	d |= a.word(1) ^ b.word(1)
	d |= a.word(2) ^ b.word(2)
	d |= a.word(3) ^ b.word(3)
	d |= a.word(4) ^ b.word(4)
	d |= a.word(5) ^ b.word(5)
	d |= a.word(6) ^ b.word(6)
	d |= a.word(7) ^ b.word(7)
	return d == 0
}

// EqualMasked reports whether b equals want in every bit set in m. want must be masked already: it has
// no bit set that m has not.
func EqualMasked(b, m, want *Block) bool {
	// One difference gathered over the line instead of a branch per word: what is compared matches in
	// nearly all cases, so leaving early saves nothing.
	d := b.word(0)&m.word(0) ^ want.word(0)
	d |= b.word(1)&m.word(1) ^ want.word(1)
	d |= b.word(2)&m.word(2) ^ want.word(2)
	d |= b.word(3)&m.word(3) ^ want.word(3)
	d |= b.word(4)&m.word(4) ^ want.word(4)
	d |= b.word(5)&m.word(5) ^ want.word(5)
	d |= b.word(6)&m.word(6) ^ want.word(6)
	d |= b.word(7)&m.word(7) ^ want.word(7)
	return d == 0
}

// And sets b to the bits of a that are set in m.
func (b *Block) And(a, m *Block) {
	for i := range blockWords {
		b.setWord(i, a.word(i)&m.word(i))
	}
}

// Or adds the bits of a to b.
func (b *Block) Or(a *Block) {
	for i := range blockWords {
		b.setWord(i, b.word(i)|a.word(i))
	}
}

// IsZero reports whether no bit of b is set.
func (b *Block) IsZero() bool {
	var v uint64
	for i := range blockWords {
		v |= b.word(i)
	}
	return v == 0
}
