package flow

import (
	"math/bits"

	"github.com/culvertdev/culvert/ring/frame"
)

// Keys are the flow keys of a batch and what extraction found beside them, as arrays, so that each
// stage runs through memory in order. A worker owns one and uses it again for every batch.
//
// Element i belongs to frame i of the batch that was extracted.
type Keys struct {
	N     int                               // frames extracted
	Short uint64                            // bit i: frame i is shorter than an Ethernet header; its key is the port alone
	Block [FastBlocks][frame.MaxBatch]Block // blocks a packet lacks hold old bytes
	Hash  [frame.MaxBatch]uint64            // keyed hash over all blocks present
	// L3 is the offset in bytes of the network header: IPv4, IPv6, ARP, or the MPLS label stack. 0:
	// there is none, or it is malformed and nothing may be changed in it.
	L3 [frame.MaxBatch]uint16
	// L4 is the offset in bytes of what the IP header carries. 0: there is none, as in the later
	// fragments of a packet. The transport header may be cut short.
	L4 [frame.MaxBatch]uint16
	// Guessed: bit i: frame i was held against the guess (see Expect). Same: bit i: it is as guessed, and nothing else is known of it
	// than Short, L3, L4 and Refused: neither blocks nor hash.
	Guessed, Same uint64
	// Refused: bit i: frame i came with tunnel options by which it must not be accepted (RFC 8926 section 3.5):
	// a critical one that the port's TLVMap does not know, one of another length than mapped, or cut short.
	Refused uint64

	guess Guess // for the next extraction
}

// A bit of Short for each frame of a batch.
var _ [64 - frame.MaxBatch]struct{}

// Set makes a key the only one, as if it had been extracted from a packet; L3 and L4 stay unknown.
func (k *Keys) Set(key *Key, seed *Seed) {
	k.N, k.Short, k.Refused, k.Guessed, k.Same = 1, 0, 0, 0, 0
	for b := range FastBlocks {
		k.Block[b][0] = key[b]
	}
	k.Block[Base][0][OffBlocks] |= 1 << Base
	k.hash(0, seed)
}

// Key copies the key of frame i to dst. Blocks the packet lacks are zero.
func (k *Keys) Key(i int, dst *Key) {
	*dst = Key{}
	dst[Base] = k.Block[Base][i]
	present := dst[Base][OffBlocks]
	for j := Base + 1; j < FastBlocks; j++ {
		if present&(1<<j) != 0 {
			dst[j] = k.Block[j][i]
		}
	}
}

// EqualBase compares the base block of each key with one of blocks: that of key i with number cand[i] less 1, or
// with none when cand[i] is 0. It returns a bit for each key whose block is the same. One call for a batch: with
// a comparison of its own per packet the call would cost as much as what it does.
func (k *Keys) EqualBase(cand *[frame.MaxBatch]uint32, blocks []Block) (equal uint64) {
	return equalBlocks(&k.Block[Base], k.N, cand, blocks)
}

// EqualTunnel is the same for tunnel blocks, of keys that have one.
func (k *Keys) EqualTunnel(cand *[frame.MaxBatch]uint32, blocks []Block) (equal uint64) {
	return equalBlocks(&k.Block[Tunnel], k.N, cand, blocks)
}

// equalBlocks compares the first n of keys.
func equalBlocks(keys *[frame.MaxBatch]Block, n int, cand *[frame.MaxBatch]uint32, blocks []Block) (equal uint64) {
	for i := range n {
		c := cand[i]
		if c == 0 {
			continue
		}
		b, want := &keys[i], &blocks[c-1]
		d := b.word(0) ^ want.word(0)
		d |= b.word(1) ^ want.word(1)
		d |= b.word(2) ^ want.word(2)
		d |= b.word(3) ^ want.word(3)
		d |= b.word(4) ^ want.word(4)
		d |= b.word(5) ^ want.word(5)
		d |= b.word(6) ^ want.word(6)
		d |= b.word(7) ^ want.word(7)
		if d == 0 {
			equal |= 1 << i
		}
	}
	return equal
}

// UnderBase compares the base block of each key with want, a masked one, in the bits that are set in m. It returns a bit
// for each key that is the same in all of them.
func (k *Keys) UnderBase(m, want *Block) (same uint64) {
	for i := range k.N {
		b := &k.Block[Base][i]
		d := b.word(0)&m.word(0) ^ want.word(0)
		d |= b.word(1)&m.word(1) ^ want.word(1)
		d |= b.word(2)&m.word(2) ^ want.word(2)
		d |= b.word(3)&m.word(3) ^ want.word(3)
		d |= b.word(4)&m.word(4) ^ want.word(4)
		d |= b.word(5)&m.word(5) ^ want.word(5)
		d |= b.word(6)&m.word(6) ^ want.word(6)
		d |= b.word(7)&m.word(7) ^ want.word(7)
		if d == 0 {
			same |= 1 << (i % frame.MaxBatch)
		}
	}
	return same
}

// Under is UnderBase for block b of those keys that have a bit in among. absent says whether a key without that block is
// taken to be the same. As in the others, a call of EqualMasked for each key would cost as much as what it does.
func (k *Keys) Under(b int, m, want *Block, among uint64, absent bool) (same uint64) {
	blocks := &k.Block[b]
	for left := among; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left) % frame.MaxBatch
		var d uint64
		if k.Block[Base][i][OffBlocks]>>(b%8)&1 != 0 {
			key := &blocks[i]
			d = key.word(0)&m.word(0) ^ want.word(0)
			d |= key.word(1)&m.word(1) ^ want.word(1)
			d |= key.word(2)&m.word(2) ^ want.word(2)
			d |= key.word(3)&m.word(3) ^ want.word(3)
			d |= key.word(4)&m.word(4) ^ want.word(4)
			d |= key.word(5)&m.word(5) ^ want.word(5)
			d |= key.word(6)&m.word(6) ^ want.word(6)
			d |= key.word(7)&m.word(7) ^ want.word(7)
		} else if !absent {
			continue
		}
		if d == 0 {
			same |= 1 << i
		}
	}
	return same
}
