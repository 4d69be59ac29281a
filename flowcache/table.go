package flowcache

import (
	"math/bits"
	"sync/atomic"

	"github.com/culvertdev/culvert/ring/slab"
)

// ways is the number of entries in a bucket.
const ways = 7

// crowded is the number of entries from which on a bucket passes new ones to the alternate bucket if
// that has fewer. Below it nearly all entries stand in their primary bucket, and a look-up that finds
// nothing, which is what most masks answer, ends after one cache line.
const crowded = 5

// A bucket is one cache line:
//
//	word 0    byte 0 to 6: tag of entry 1 to 7; 0: there is none
//	          byte 7: how many flows have this as their primary bucket and stand in the alternate
//	                  one; 255: 255 or more, and stays so
//	word 1-7  entry: signature in the upper, slot in the lower 32 bits; 0: none
//
// One comparison of word 0 with a tag in all bytes finds the entries worth a look.
//
// Only the writer writes. Every word is stored whole, an entry before its tag.
type bucket [1 + ways]atomic.Uint64

// Constants for arithmetic on the seven tags of a header at once.
const (
	tagOnes  = 0x00010101_01010101
	tagHighs = 0x00808080_80808080

	spilledShift = 56
	spilledMax   = 255
)

// signature returns what an entry repeats of its flow's hash.
func signature(h uint64) uint32 { return uint32(h >> 32) }

// tag returns what the bucket's header repeats of the hash; never 0.
func tag(h uint64) uint64 { return h>>56 | 1 }

// matches returns a bit in the top of each byte of header that equals t. It may also return a bit for
// a byte above one that does: the entry itself decides.
func matches(header, t uint64) uint64 {
	x := header&^(spilledMax<<spilledShift) ^ t*tagOnes
	return (x - tagOnes) &^ x & tagHighs
}

// used returns the number of entries of a bucket.
func used(header uint64) int { return bits.OnesCount64(header & tagOnes) }

// A table is the buckets that all flows of the switch share. A flow stands in one of two buckets that
// its hash names; if both are full it is not entered. So no look-up reads more than two cache lines
// of it, whatever the traffic: that is the bound that packets made to collide run into.
//
// Thread-safety: find is for any goroutine, the other methods for one writer.
type table struct {
	buckets []bucket
	mask    uint64 // number of buckets less 1
}

// newTable returns a table for flows entries that lives as long as owner: at most two in a bucket on average, so that two full
// buckets for one flow do not happen by chance.
func newTable[O any](owner *O, flows int) table {
	n := max(2, 1<<bits.Len(uint(flows-1)/2))
	return table{buckets: slab.New[bucket](owner, n), mask: uint64(n - 1)}
}

func (t *table) primary(h uint64) *bucket { return &t.buckets[h&t.mask] }

// alternate returns the bucket of second choice, which is never the primary one.
func (t *table) alternate(h uint64) *bucket {
	i := h >> 21 & t.mask // 21: the bits primary does not use, up to 4M flows
	if i == h&t.mask {
		i ^= 1
	}
	return &t.buckets[i]
}

// pick returns the first slot of b whose entry has the signature of h, or 0. header is b's word 0.
func (b *bucket) pick(header, h uint64) Slot {
	for hit := matches(header, tag(h)); hit != 0; hit &= hit - 1 {
		e := b[1+bits.TrailingZeros64(hit)/8].Load()
		if uint32(e>>32) == signature(h) {
			return Slot(e)
		}
	}
	return 0
}

// candidate returns a slot worth comparing with a key that hashes to h. header is word 0 of h's primary bucket.
func (t *table) candidate(header, h uint64) Slot {
	if s := t.primary(h).pick(header, h); s != 0 || header>>spilledShift == 0 {
		return s
	}
	b := t.alternate(h)
	return b.pick(b[0].Load(), h)
}

// has reports whether there is room for a flow with hash h.
func (t *table) has(h uint64) bool {
	return used(t.primary(h)[0].Load()) < ways || used(t.alternate(h)[0].Load()) < ways
}

// put enters slot s under h. There must be room.
func (t *table) put(h uint64, s Slot) {
	b := t.primary(h)
	if n := used(b[0].Load()); n >= crowded {
		if a := t.alternate(h); used(a[0].Load()) < n {
			// The primary bucket speaks of the entry before it is there, so that nobody
			// who can see the entry would not look for it.
			b.spill(1)
			b = a
		}
	}
	header := b[0].Load()
	way := bits.TrailingZeros64(^header&tagOnes) / 8
	b[1+way].Store(uint64(signature(h))<<32 | uint64(s))
	b[0].Store(header | tag(h)<<(8*way))
}

// remove takes slot s, entered under h, out.
func (t *table) remove(h uint64, s Slot) bool {
	b := t.primary(h)
	if b.remove(s) {
		return true
	}
	if !t.alternate(h).remove(s) {
		return false
	}
	b.spill(-1)
	return true
}

func (b *bucket) remove(s Slot) bool {
	for way := range ways {
		if Slot(b[1+way].Load()) == s {
			b[0].Store(b[0].Load() &^ (0xff << (8 * way)))
			b[1+way].Store(0)
			return true
		}
	}
	return false
}

// spill adds d, 1 or -1, to the number of flows that stand elsewhere.
func (b *bucket) spill(d int) {
	header := b[0].Load()
	n := header >> spilledShift
	if n == spilledMax {
		return // how many there are is no longer known: at worst a second line is read for nothing
	}
	b[0].Store(header&^(spilledMax<<spilledShift) | (n+uint64(d))<<spilledShift)
}
