package flowcache

import (
	"math/bits"

	"github.com/culvertdev/culvert/flowcache/flow"
)

var _ = [1]struct{}{}[flow.Version-3]

// A view is a key as the caches see it: its blocks wherever they lie, and which of them it has. Those
// it has not point at a block of zeros.
type view struct {
	block   [flow.FastBlocks]*flow.Block
	present uint8 // bit i: block i
}

// viewKey returns the view of a whole key.
func (m *Megaflow) viewKey(key *flow.Key) view {
	v := view{present: key.Blocks() | 1<<flow.Base}
	v.block[flow.Base] = &key[flow.Base]
	for b := flow.Base + 1; b < flow.FastBlocks; b++ {
		v.block[b] = &m.none
		if v.present&(1<<b) != 0 {
			v.block[b] = &key[b]
		}
	}
	return v
}

// viewAt returns the view of key i of a batch.
func (m *Megaflow) viewAt(k *flow.Keys, i uint16) view {
	v := view{present: flow.BlocksOf(&k.Block[flow.Base][i])}
	v.block[flow.Base] = &k.Block[flow.Base][i]
	for b := flow.Base + 1; b < flow.FastBlocks; b++ {
		v.block[b] = &m.none
		if v.present&(1<<b) != 0 {
			v.block[b] = &k.Block[b][i]
		}
	}
	return v
}

// viewSlot returns the view of the masked key in slot s, which is under mask rec.
func (m *Megaflow) viewSlot(s Slot, rec *mask) view {
	v := view{present: rec.blocks}
	for b := range flow.FastBlocks {
		v.block[b] = m.block(b, s)
	}
	if rec.exact {
		v.present = flow.BlocksOf(v.block[flow.Base])
	}
	return v
}

// counted returns which blocks count under the mask, of a key that has the blocks in present.
func (k *mask) counted(present uint8) uint8 {
	if k.exact {
		return k.blocks & present
	}
	return k.blocks
}

// extensions returns which of some blocks there are beside the base block, one bit each. Loops run over
// its bits, so that blocks nobody has cost nothing.
func extensions(blocks uint8) uint8 { return blocks &^ (1 << flow.Base) }

// hash returns the hash of the bits of v under rec.
func (m *Megaflow) hash(v *view, rec *mask) uint64 {
	h := flow.HashMaskedBlock(rec.salt, v.block[flow.Base], &rec.block[flow.Base], &m.seed)
	for rest := extensions(rec.counted(v.present)); rest != 0; rest &= rest - 1 {
		b := bits.TrailingZeros8(rest)
		h = flow.HashMaskedBlock(h, v.block[b], &rec.block[b], &m.seed)
	}
	return h & m.keep
}

// equal reports whether v is under the flow in slot s, whose mask is rec.
func (m *Megaflow) equal(v *view, rec *mask, s Slot) bool {
	if !flow.EqualMasked(v.block[flow.Base], &rec.block[flow.Base], &m.entries[s].base) {
		return false
	}
	for rest := extensions(rec.counted(v.present)); rest != 0; rest &= rest - 1 {
		if b := bits.TrailingZeros8(rest); !flow.EqualMasked(v.block[b], &rec.block[b], &m.ext[b][s]) {
			return false
		}
	}
	return true
}

// find returns the slot of the flow under mask id that v, with hash h, belongs to, or 0. It looks at
// all entries with the hash's tag, so that no collision hides a flow. Safe for any goroutine in an epoch.
func (m *Megaflow) find(v *view, id maskID, h uint64) Slot {
	b := m.table.primary(h)
	header := b[0].Load()
	if s := m.findIn(b, header, v, id, h); s != 0 || header>>spilledShift == 0 {
		return s
	}
	b = m.table.alternate(h)
	return m.findIn(b, b[0].Load(), v, id, h)
}

// findIn is find in one bucket with this header.
func (m *Megaflow) findIn(b *bucket, header uint64, v *view, id maskID, h uint64) Slot {
	for hit := matches(header, tag(h)); hit != 0; hit &= hit - 1 {
		e := b[1+bits.TrailingZeros64(hit)/8].Load()
		s := Slot(e)
		if uint32(e>>32) == signature(h) && s != 0 && m.entries[s].mask == id && m.equal(v, m.maskOf(id), s) {
			return s
		}
	}
	return 0
}
