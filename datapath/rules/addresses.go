package rules

import (
	"encoding/binary"
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-1]

// addressBits is the number of bits an address can be in.
const addressBits = 1 << 16 // 8 KB; ten thousand addresses take one in seven other flows with them

// Addresses is a set of Ethernet addresses that now lead elsewhere. It is for tables that learn: however
// many addresses a storm brings, the set takes the same room, and a flow finds out in nanoseconds whether
// it is concerned. It may hold addresses that nobody added, about as likely as its bits are set; so flows
// are looked up again in vain, never passed over. The zero value is empty.
type Addresses struct {
	tags uint64 // of all additions
	bits [addressBits / 64]uint64
}

// Add adds an address; tag is as in Change.
func (a *Addresses) Add(mac [6]byte, tag uint64) {
	a.tags |= tag
	word, bit := place(&mac)
	a.bits[word] |= bit
}

// Merge adds all of b.
func (a *Addresses) Merge(b *Addresses) {
	a.tags |= b.tags
	for i := range b.bits {
		a.bits[i] |= b.bits[i]
	}
}

// Reset empties a.
func (a *Addresses) Reset() {
	if a.tags != 0 {
		*a = Addresses{}
	}
}

// Tags returns the tags of all additions: verdicts without any of them are not concerned.
func (a *Addresses) Tags() uint64 { return a.tags }

// Concern reports whether a verdict with these tags, for packets that agree with key in the bits of mask,
// may depend on where one of the addresses is. rewrote is Verdict.Rewrote.
func (a *Addresses) Concern(tags uint64, key *flow.Key, mask *flow.Mask, rewrote uint64) bool {
	if tags&a.tags == 0 {
		return false
	}
	const word = (flow.Base*flow.BlockSize + flow.OffEthDst) / 8
	dst := [6]byte(key[flow.Base][flow.OffEthDst:])
	for _, m := range mask[flow.Base][flow.OffEthDst : flow.OffEthDst+6] {
		if m != 0xff {
			return true // of many addresses
		}
	}
	// Some other address may have been looked up than the one the packet came with.
	if rewrote>>word&1 != 0 {
		return true
	}
	i, bit := place(&dst)
	return a.bits[i]&bit != 0
}

// place returns where the bit of an address is. It is no secret: whoever makes addresses share bits
// makes flows be looked up again, as learning the addresses themselves would.
func place(mac *[6]byte) (word int, bit uint64) {
	v := uint64(binary.BigEndian.Uint32(mac[2:])) | uint64(binary.BigEndian.Uint16(mac[:]))<<32
	hi, lo := bits.Mul64(v^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	h := (hi ^ lo) % addressBits
	return int(h / 64), 1 << (h % 64)
}
