package flowcache

import (
	"math/bits"

	"github.com/culvertdev/culvert/ring/slab"
)

// maxOrder bounds a block of a buddy allocator: 2^maxOrder granules.
const maxOrder = 12

// A buddy hands out blocks of 2^order granules from a range of numbered granules, halving larger
// blocks and joining freed halves again (Knuth, The Art of Computer Programming, 2.5), so that lists
// of all lengths share one slab for any length of time. It knows no memory, only numbers. Granule 0
// is never handed out.
//
// Thread-safety: one goroutine at a time.
type buddy struct {
	top   uint8 // order of the blocks that the range is cut into
	next  uint32
	end   uint32
	heads [maxOrder + 1]uint32 // first free block of each order; 0: none
	nodes []buddyNode          // one for each granule; that of a block's first granule counts
}

// A buddyNode says what a block is.
type buddyNode struct {
	next, prev uint32 // neighbours in the free list
	order      uint8
	free       bool
}

// newBuddy returns an allocator of at least n granules.
func newBuddy(n int) *buddy {
	b := &buddy{top: uint8(min(maxOrder, bits.Len(uint(n))))}
	size := 1 << b.top
	b.end = uint32((n + 1 + size - 1) / size * size)
	b.nodes = slab.New[buddyNode](b, int(b.end))
	// The first block is cut up at once so that granule 0, which means "none", stays out.
	b.next = uint32(size)
	for order := range b.top {
		b.push(1<<order, order)
	}
	return b
}

// alloc returns the first granule of a free block of 2^order granules.
func (b *buddy) alloc(order uint8) (uint32, bool) {
	from := order
	for from <= b.top && b.heads[from] == 0 {
		from++
	}
	var block uint32
	switch {
	case from <= b.top:
		block = b.heads[from]
		b.unlink(block)
	case order <= b.top && b.next < b.end:
		block, from = b.next, b.top
		b.next += 1 << b.top
	default:
		return 0, false
	}
	for from > order {
		from--
		b.push(block+1<<from, from)
	}
	b.nodes[block] = buddyNode{order: order}
	return block, true
}

// release frees a block that alloc returned and joins it with its other half if that is free.
func (b *buddy) release(block uint32) {
	order := b.nodes[block].order
	for order < b.top {
		half := block ^ 1<<order
		if !b.nodes[half].free || b.nodes[half].order != order {
			break
		}
		b.unlink(half)
		block &= half
		order++
	}
	b.push(block, order)
}

func (b *buddy) push(block uint32, order uint8) {
	head := b.heads[order]
	b.nodes[block] = buddyNode{next: head, order: order, free: true}
	if head != 0 {
		b.nodes[head].prev = block
	}
	b.heads[order] = block
}

func (b *buddy) unlink(block uint32) {
	n := &b.nodes[block]
	if n.prev != 0 {
		b.nodes[n.prev].next = n.next
	} else {
		b.heads[n.order] = n.next
	}
	if n.next != 0 {
		b.nodes[n.next].prev = n.prev
	}
	n.free = false
}
