package frame

import "sync/atomic"

// magazineSize is the number of buffers a cache trades with the depot at once.
const magazineSize = 64 // buffers; one compare-and-swap per 64 packets

// A depot holds the free buffers in magazines, fixed arrays of buffer numbers, on two lock-free
// stacks: magazines with buffers in them and empty ones (Bonwick and Adams, "Magazines and Vmem",
// USENIX 2001). A magazine that is on no stack belongs to one cache.
type depot struct {
	loaded stack
	empty  stack
	next   []atomic.Uint32 // per magazine: the one below it on its stack, number + 1; 0 means none
	fill   []uint32        // per magazine: buffers in it; written by its owner
	slots  []uint32        // magazineSize buffer numbers per magazine; written by its owner
	caches atomic.Int32    // caches that may still be opened
}

func (d *depot) init(buffers, caches int) {
	full := (buffers + magazineSize - 1) / magazineSize
	n := full + 2*caches
	d.next = make([]atomic.Uint32, n)
	d.fill = make([]uint32, n)
	d.slots = make([]uint32, n*magazineSize)
	d.caches.Store(int32(caches))
	for m := range uint32(n) {
		if int(m) >= full {
			d.empty.push(d.next, m)
			continue
		}
		// The highest buffers go in first, so that the first magazine popped starts at buffer 0.
		base := (uint32(full) - 1 - m) * magazineSize
		k := min(magazineSize, uint32(buffers)-base)
		for i := range k {
			d.slots[m*magazineSize+i] = base + k - 1 - i
		}
		d.fill[m] = k
		d.loaded.push(d.next, m)
	}
}

// A stack is a Treiber stack of magazine numbers. The upper half of the head counts changes, so that
// a magazine popped and pushed again in between is noticed.
type stack struct {
	head atomic.Uint64 // changes << 32 | magazine + 1
	_    [56]byte      // the two stacks share no cache line
}

func (s *stack) push(next []atomic.Uint32, m uint32) {
	for {
		h := s.head.Load()
		next[m].Store(uint32(h))
		if s.head.CompareAndSwap(h, (h>>32+1)<<32|uint64(m+1)) {
			return
		}
	}
}

func (s *stack) pop(next []atomic.Uint32) (m uint32, ok bool) {
	for {
		h := s.head.Load()
		top := uint32(h)
		if top == 0 {
			return 0, false
		}
		if s.head.CompareAndSwap(h, (h>>32+1)<<32|uint64(next[top-1].Load())) {
			return top - 1, true
		}
	}
}
