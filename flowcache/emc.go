package flowcache

import (
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/ring/slab"
)

var _ = [1]struct{}{}[flow.Version-3]

// DefaultEMCEntries is the size OVS uses too: 8192 base blocks are 512 KiB, half of a core's second level
// cache here, and larger is slower for everybody else in that cache.
const DefaultEMCEntries = 8192

// DefaultEMCInsertInverse is OVS's default for emc-insert-inv-prob: one in so many packets that the
// EMC missed and the megaflow cache found enters it. Long flows get in soon, a scan of many short ones
// does not wash them out.
const DefaultEMCInsertInverse = 100

// emcWays is the number of entries a key may be in.
const emcWays = 4

// An emcEntry is what a hit is checked by, but for the key.
type emcEntry struct {
	sig  uint32 // upper half of the key's hash
	slot Slot   // 0: unused
	gen  uint64 // of the slot when the entry was made
}

// An emcSet is one cache line: where a key with a given hash may be.
type emcSet [emcWays]emcEntry

// An EMC is a worker's exact-match cache: whole keys and the megaflows they belong to. An entry whose
// flow was removed stops matching by itself, since the slot's generation moves on.
//
// With so many flows that it finds less than half of the packets it rests: it then lets most batches pass, and looks now and
// then whether that is still so. One that enters nothing is not asked at all.
//
// Memory: 80 bytes for each entry, and 64 more for each block beside the base block that keys bring,
// touched as they come.
//
// Thread-safety: one goroutine at a time, the one of the Reader that makes the slots it is given.
type EMC struct {
	m        *Megaflow
	sets     []emcSet
	key      [flow.FastBlocks][]flow.Block // by number of the entry
	mask     uint64                        // number of sets less 1
	inverse  uint32                        // 0: never insert
	random   uint32                        // xorshift state
	occupied int
	replaced uint64
	rest     rest
	cand     [frame.MaxBatch]uint32 // scratch: entry to compare with plus 1; 0: none
	touched  byte                   // keeps the compiler from dropping loads made for their side effect
}

// NewEMC returns an empty cache of slots of m. entries is rounded up to a power of two, 0 means
// DefaultEMCEntries. One in insertInverseProbability insertions is made, 0 means none.
func NewEMC(entries int, insertInverseProbability int, m *Megaflow) *EMC {
	if entries <= 0 {
		entries = DefaultEMCEntries
	}
	sets := 1
	for sets*emcWays < entries {
		sets *= 2
	}
	e := &EMC{
		m:       m,
		mask:    uint64(sets - 1),
		inverse: uint32(max(insertInverseProbability, 0)),
		random:  uint32(m.seed[1]>>32) | 1,
	}
	e.sets = slab.New[emcSet](e, sets)
	for b := range e.key {
		e.key[b] = slab.New[flow.Block](e, sets*emcWays)
	}
	return e
}

// Lookup writes the slots of the packets of k that the cache knows to slots, and returns the indexes
// of the others in miss, of which it uses the memory from the start. Packets with a bit in known are left out: their
// slots are known already.
func (e *EMC) Lookup(k *flow.Keys, known uint64, slots *[frame.MaxBatch]Slot, miss []uint16) []uint16 {
	miss = miss[:0]
	if e.inverse == 0 || e.rest.skip() {
		for i := range k.N {
			if known>>(i%frame.MaxBatch)&1 == 0 {
				miss = append(miss, uint16(i))
			}
		}
		return miss
	}
	touched := byte(0)
	var tunnelled, others uint64 // keys with a tunnel block beside the base block, and with anything else
	for i := range k.N {
		if known>>(i%frame.MaxBatch)&1 != 0 {
			e.cand[i] = 0
			continue
		}
		c := e.candidate(k.Hash[i])
		e.cand[i] = c
		if c != 0 {
			way := &e.sets[(c-1)/emcWays][(c-1)%emcWays]
			// Atomic, for the slot may be another flow's by now.
			touched ^= e.key[flow.Base][c-1][0] ^ byte(e.m.entries[way.slot].gen.Load())
			switch flow.BlocksOf(&k.Block[flow.Base][i]) {
			case 1 << flow.Base:
			case 1<<flow.Base | 1<<flow.Tunnel:
				touched ^= e.key[flow.Tunnel][c-1][0]
				tunnelled |= 1 << i
			default:
				others |= 1 << i
			}
		}
	}
	e.touched = touched
	equal := k.EqualBase(&e.cand, e.key[flow.Base])
	if tunnelled != 0 {
		equal &^= tunnelled &^ k.EqualTunnel(&e.cand, e.key[flow.Tunnel])
	}
	for left := equal & others; left != 0; left &= left - 1 {
		if i := bits.TrailingZeros64(left); !e.equal(k, i, e.cand[i]-1) {
			equal &^= 1 << i
		}
	}
	for i := range k.N {
		if equal>>i&1 != 0 {
			n := e.cand[i] - 1
			way := &e.sets[n/emcWays][n%emcWays]
			if e.m.entries[way.slot].gen.Load() == way.gen {
				slots[i] = way.slot
				continue
			}
		}
		if known>>(i%frame.MaxBatch)&1 == 0 {
			miss = append(miss, uint16(i))
		}
	}
	asked := k.N - bits.OnesCount64(known)
	e.rest.saw(asked, asked-len(miss), exactPays)
	return miss
}

// Takes reports whether any of the packets that Lookup has just not found may be entered.
func (e *EMC) Takes() bool { return e.inverse != 0 && !e.rest.skipped }

// Insert offers key i, which the megaflow cache found in slot s in this poll cycle. One in so many is taken.
func (e *EMC) Insert(k *flow.Keys, i int, s Slot) {
	if !e.Takes() || (e.inverse > 1 && e.draw()%e.inverse != 0) {
		return
	}
	gen := e.m.entries[s].gen.Load()
	if gen&1 == 0 {
		return // removed since it was found
	}
	hash := k.Hash[i]
	set := hash & e.mask
	way := e.victim(&e.sets[set], sigOf(hash))
	entry := &e.sets[set][way]
	if entry.slot == 0 {
		e.occupied++
	} else {
		e.replaced++
	}
	n := set*emcWays + uint64(way)
	base := &k.Block[flow.Base][i]
	e.key[flow.Base][n] = *base
	for rest := extensions(flow.BlocksOf(base)); rest != 0; rest &= rest - 1 {
		b := bits.TrailingZeros8(rest)
		e.key[b][n] = k.Block[b][i]
	}
	*entry = emcEntry{sig: sigOf(hash), slot: s, gen: gen}
}

// Occupied returns how many entries were ever filled, those of removed flows included.
func (e *EMC) Occupied() int { return e.occupied }

// Replaced returns how many insertions took the place of an entry.
func (e *EMC) Replaced() uint64 { return e.replaced }

// Cap returns the number of entries.
func (e *EMC) Cap() int { return len(e.sets) * emcWays }

// sigOf returns what an entry repeats of its key's hash.
func sigOf(hash uint64) uint32 { return uint32(hash >> 32) }

// candidate returns 1 more than the number of the entry that a key with this hash may equal, or 0.
func (e *EMC) candidate(hash uint64) uint32 {
	set := hash & e.mask
	for way := range emcWays {
		entry := &e.sets[set][way]
		if entry.sig == sigOf(hash) && entry.slot != 0 {
			return uint32(set)*emcWays + uint32(way) + 1
		}
	}
	return 0
}

// equal reports whether entry n, whose base block is that of key i, holds the key's other blocks, too. Equal base
// blocks name the same ones.
func (e *EMC) equal(k *flow.Keys, i int, n uint32) bool {
	for rest := extensions(flow.BlocksOf(&k.Block[flow.Base][i])); rest != 0; rest &= rest - 1 {
		if b := bits.TrailingZeros8(rest); !flow.Equal(&k.Block[b][i], &e.key[b][n]) {
			return false
		}
	}
	return true
}

// victim returns the way of a set that a key with signature sig takes: the one with that signature,
// so that no key is in a set twice; else an unused one, else one whose flow is gone, else any.
func (e *EMC) victim(set *emcSet, sig uint32) int {
	dead := -1
	for way := range set {
		entry := &set[way]
		if entry.slot != 0 && entry.sig == sig {
			return way
		}
		if dead < 0 && (entry.slot == 0 || e.m.entries[entry.slot].gen.Load() != entry.gen) {
			dead = way
		}
	}
	if dead >= 0 {
		return dead
	}
	return int(e.draw() >> 16 % emcWays)
}

// draw returns a pseudo-random number (Marsaglia, "Xorshift RNGs", 2003).
func (e *EMC) draw() uint32 {
	e.random ^= e.random << 13
	e.random ^= e.random >> 17
	e.random ^= e.random << 5
	return e.random
}
