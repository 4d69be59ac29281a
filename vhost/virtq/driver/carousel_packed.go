package driver

import (
	"fmt"
	"sync/atomic"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// A packedCarousel is a packed ring in which each descriptor has its own place for an id.
type packedCarousel struct {
	desc        []layout.Desc
	guard       []layout.Guarded // the same, for what passes them on
	deviceEvent *atomic.Uint32
}

// phase returns what an available descriptor has for PhaseMask when n of them were given before it.
func phase(n, size uint32) uint16 {
	if n&size == 0 {
		return layout.FlagAvail
	}
	return layout.FlagUsed
}

// give writes each descriptor anew, since the device has written to it, the first one last: the device looks at none before.
func (r *packedCarousel) give(q *Carousel, from, to uint32) {
	flags := q.flags()
	for n := from + 1; n != to; n++ {
		at := n & (q.size - 1)
		r.desc[at] = layout.Desc{Addr: q.buffers[at].Addr, Rest: layout.PackedRest(q.buffers[at].Len, uint16(at), flags|phase(n, q.size))}
	}
	at := from & (q.size - 1)
	r.desc[at].Addr = q.buffers[at].Addr
	r.guard[at].Rest.Store(layout.PackedRest(q.buffers[at].Len, uint16(at), flags|phase(from, q.size)))
}

// take reads a descriptor for each entry that the device has written to, and for each batch of those that it has read (VIRTIO 1.2, 2.8.8).
func (r *packedCarousel) take(q *Carousel, most uint32) (n uint32) {
	for n < most && n < q.given-q.back {
		at := (q.back + n) & (q.size - 1)
		d := layout.Desc{Rest: r.guard[at].Rest.Load()}
		used := uint16(0)
		if phase(q.back+n, q.size) == layout.FlagAvail {
			used = layout.PhaseMask
		}
		if d.PackedFlags()&layout.PhaseMask != used {
			break
		}
		id := uint32(d.PackedID())
		batch := (id-at)&(q.size-1) + 1
		switch {
		case id >= q.size || n+batch > q.given-q.back:
			q.err = fmt.Errorf("the device gives back entry %d, which it does not have", id)
			return n
		case q.write && batch > 1:
			q.err = fmt.Errorf("the device gives back entry %d, where %d is next", id, at)
			return n
		case q.write && !q.note(at, d.Len()):
			return n
		}
		n += batch
	}
	return n
}

// asked takes a wish for one descriptor, which takes VIRTIO_F_EVENT_IDX, for one for all.
func (r *packedCarousel) asked() bool { return r.deviceEvent.Load()>>16&3 != layout.EventDisable }
