package frame

import "sync/atomic"

// magazineSize is the number of buffers a cache trades with the depot at once.
const magazineSize = 64 // buffers; one compare-and-swap per 64 packets

// A depot holds the free buffers in magazines, fixed arrays of buffer numbers, on lock-free stacks:
// full magazines, empty ones, and those that closed caches left in between (Bonwick and Adams,
// "Magazines and Vmem", USENIX 2001). A magazine that is on no stack belongs to one cache.
//
// There is always an empty magazine for a cache that has two full ones, which is what lets Put never
// fail: n buffers fill at most F = n/64 magazines, rounded up; C open caches hold two each; and at most
// one partial magazine per cache lies about, because whoever closes a cache merges what it leaves with
// the partial ones it finds. F + 3C magazines cover that.
type depot struct {
	full    stack
	partial stack
	empty   stack
	next    []atomic.Uint32 // per magazine: the one below it on its stack, number + 1; 0 means none
	fill    []uint32        // per magazine: buffers in it; written by its owner
	slots   []uint32        // magazineSize buffer numbers per magazine; written by its owner
	caches  atomic.Int32    // caches that may still be opened
}

func (d *depot) init(buffers, caches int) {
	full := (buffers + magazineSize - 1) / magazineSize
	n := full + 3*caches
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
			d.magazine(m)[i] = base + k - 1 - i
		}
		d.give(m, k)
	}
}

// give puts magazine m, with n buffers in it, on the stack it belongs to.
func (d *depot) give(m, n uint32) {
	d.fill[m] = n
	switch n {
	case 0:
		d.empty.push(d.next, m)
	case magazineSize:
		d.full.held.Add(magazineSize)
		d.full.push(d.next, m)
	default:
		d.partial.held.Add(int64(n))
		d.partial.push(d.next, m)
	}
}

// magazine returns the slots of magazine m.
func (d *depot) magazine(m uint32) []uint32 {
	return d.slots[m*magazineSize : (m+1)*magazineSize : (m+1)*magazineSize]
}

// take returns a magazine with buffers in it, and how many; ok is false when there is none.
func (d *depot) take() (m, n uint32, ok bool) {
	if m, ok = d.full.pop(d.next); ok {
		d.full.held.Add(-magazineSize)
		return m, magazineSize, true
	}
	return d.takePartial()
}

// takePartial is take of a magazine that is not full.
func (d *depot) takePartial() (m, n uint32, ok bool) {
	if m, ok = d.partial.pop(d.next); !ok {
		return 0, 0, false
	}
	n = d.fill[m]
	d.partial.held.Add(-int64(n))
	return m, n, true
}

// merge gives magazine m, with n buffers in it, back like give, but not before it has poured it
// together with the partial magazines it finds.
func (d *depot) merge(m, n uint32) {
	for n%magazineSize != 0 {
		o, has, ok := d.takePartial()
		if !ok {
			break
		}
		k := min(magazineSize-n, has) // from o to m
		rest := has - k
		copy(d.magazine(m)[n:], d.magazine(o)[rest:rest+k])
		if n+k == magazineSize {
			d.give(m, magazineSize)
			m, n = o, rest
		} else {
			d.give(o, 0)
			n += k
		}
	}
	d.give(m, n)
}

// open takes one of the caches that may still be opened.
func (d *depot) open() bool {
	for {
		n := d.caches.Load()
		if n == 0 {
			return false
		}
		if d.caches.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// A stack is a Treiber stack of magazine numbers. The upper half of the head counts changes, so that
// a magazine popped and pushed again in between is noticed.
type stack struct {
	_    [56]byte      // no stack shares a cache line with another, or with what lies before it
	head atomic.Uint64 // changes << 32 | magazine + 1
	held atomic.Int64  // buffers in its magazines, and in those about to be on it
	_    [48]byte
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
