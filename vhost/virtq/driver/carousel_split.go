package driver

import (
	"fmt"
	"sync/atomic"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A splitCarousel is a split ring in which the available ring names each descriptor at its own place, for ever.
type splitCarousel struct {
	desc      []layout.Desc
	used      []layout.Used
	availWord *atomic.Uint32
	usedWord  *atomic.Uint32
	seen      uint16 // used.idx as last read
}

// give writes descriptors whose length has changed, and nothing but the index otherwise.
func (r *splitCarousel) give(q *Carousel, from, to uint32) {
	flags := q.flags()
	for n := from; n != to; n++ {
		at := n & (q.size - 1)
		if d := &r.desc[at]; d.Len() != q.buffers[at].Len {
			*d = layout.SplitDesc(q.buffers[at].Addr, q.buffers[at].Len, flags, 0)
		}
	}
	r.availWord.Store(layout.AvailNoInterrupt | uint32(uint16(to))<<16)
}

// take reads the index, and, of buffers that the device writes to, an element each: a device that gives a batch of them back by one
// element alone (VIRTIO 1.2, 2.7.9) would have filled all before the last, which packets do not.
func (r *splitCarousel) take(q *Carousel, most uint32) (n uint32) {
	if n = uint32(r.seen - uint16(q.back)); n < most {
		r.seen = uint16(r.usedWord.Load() >> 16)
		n = uint32(r.seen - uint16(q.back))
	}
	if n > q.given-q.back {
		q.err = fmt.Errorf("the device gives back %d entries and has %d", n, q.given-q.back)
		return 0
	}
	n = min(n, most)
	if !q.write {
		return n
	}
	for i := range n {
		at := (q.back + i) & (q.size - 1)
		u := r.used[at]
		if u.ID != at {
			q.err = fmt.Errorf("the device gives back entry %d, where %d is next", u.ID, at)
			return i
		}
		if !q.note(at, u.Len) {
			return i
		}
	}
	return n
}

func (r *splitCarousel) asked() bool { return uint16(r.usedWord.Load())&layout.UsedNoNotify == 0 }
