package rules

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// Size of the set: with 40,000 addresses in it, a tenth of a second of a storm of 200,000 that push out as
// many, one in 800 others seems to be in it.
const (
	addressBits   = 1 << 20 // 128 KB
	addressPlaces = 3       // bits for an address
)

// Addresses is a set of Ethernet addresses that now lead elsewhere, a Bloom filter (Bloom, Communications of
// the ACM 13, 1970). It is for tables that learn: however many addresses a storm brings, the set takes the
// same room, and a flow finds out in nanoseconds whether it is concerned. It may seem to hold addresses that
// nobody added; so flows are looked up again in vain, never passed over. The zero value is empty.
//
// Thread-safety: none. Memory: an Addresses must not be copied once it was added to; it keeps its memory.
type Addresses struct {
	tags uint64   // of all additions
	bits []uint64 // nil until the first
}

// Add adds an address; tag is as in Change.
func (a *Addresses) Add(mac [6]byte, tag uint64) {
	a.tags |= tag
	a.room()
	h := hash(&mac)
	for range addressPlaces {
		a.bits[h%addressBits/64] |= 1 << (h % 64)
		h = h>>20 | h<<44
	}
}

// room sees to it that there are bits.
func (a *Addresses) room() {
	if a.bits == nil {
		a.bits = make([]uint64, addressBits/64)
	}
}

// Merge adds all of b.
func (a *Addresses) Merge(b *Addresses) {
	if b.tags == 0 {
		return
	}
	a.tags |= b.tags
	a.room()
	for i, v := range b.bits {
		a.bits[i] |= v
	}
}

// Reset empties a.
func (a *Addresses) Reset() {
	if a.tags != 0 {
		a.tags = 0
		clear(a.bits)
	}
}

// Tags returns the tags of all additions: verdicts without any of them are not concerned.
func (a *Addresses) Tags() uint64 { return a.tags }

// Concern reports whether a verdict with these tags, for packets that agree with key in the bits of mask,
// may depend on where one of the addresses is that it goes to. rewrote is Verdict.Rewrote.
func (a *Addresses) Concern(tags uint64, key *flow.Key, mask *flow.Mask, rewrote uint64) bool {
	return a.concern(tags, key, mask, rewrote, flow.OffEthDst)
}

// ConcernFrom is Concern of the address that packets come from.
func (a *Addresses) ConcernFrom(tags uint64, key *flow.Key, mask *flow.Mask, rewrote uint64) bool {
	return a.concern(tags, key, mask, rewrote, flow.OffEthSrc)
}

// concern is Concern of the address at a place of the base block.
func (a *Addresses) concern(tags uint64, key *flow.Key, mask *flow.Mask, rewrote uint64, off int) bool {
	if tags&a.tags == 0 {
		return false
	}
	mac := [6]byte(key[flow.Base][off:])
	for _, m := range mask[flow.Base][off : off+6] {
		if m != 0xff {
			return true // of many addresses
		}
	}
	// Some other address may have been looked up than the one the packet came with.
	if rewrote&(flow.WordBit(flow.Base, off/8)|flow.WordBit(flow.Base, (off+5)/8)) != 0 {
		return true
	}
	return a.has(&mac)
}

func (a *Addresses) has(mac *[6]byte) bool {
	h := hash(mac)
	for range addressPlaces {
		if a.bits[h%addressBits/64]>>(h%64)&1 == 0 {
			return false
		}
		h = h>>20 | h<<44
	}
	return true
}

// hash returns 60 bits that say where the bits of an address are, 20 each. It is no secret: whoever makes
// addresses share bits makes flows be looked up again, as learning the addresses themselves would.
func hash(mac *[6]byte) uint64 {
	v := uint64(binary.BigEndian.Uint32(mac[2:])) | uint64(binary.BigEndian.Uint16(mac[:]))<<32
	hi, lo := bits.Mul64(v^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return hi ^ lo
}
