package driver

import (
	"fmt"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// Reap fills done with chains that the device has done with, in the order it gave them back, and returns how
// many. Their descriptors are free again.
func (q *Packed) Reap(done []Done) (n int) {
	for n < len(done) && q.err == nil {
		if q.upto >= 0 {
			n += q.batch(done[n:])
			continue
		}
		k, more := q.singles(done[n:])
		if n += k; !more {
			break
		}
	}
	return n
}

// singles reaps chains that have a used descriptor each. more is true when it has stopped at one that stands for a
// batch.
func (q *Packed) singles(done []Done) (n int, more bool) {
	next, tail, room := q.next, q.freeTail, q.room
	for n < len(done) {
		d := layout.Desc{Rest: q.guard[next.At].Rest.Load()}
		if d.PackedFlags()&layout.PhaseMask != next.Used() {
			break
		}
		id, written := d.PackedID(), uint32(0)
		if uint32(id) >= q.size || q.chains[id].slots == 0 {
			q.err = fmt.Errorf("the device gives back chain %d, which it does not have", id)
			break
		}
		if d.PackedFlags()&layout.FlagWrite != 0 { // else the length means nothing (2.8.4)
			written = d.Len()
		}
		if q.order && q.ids[tail&q.mask] != id {
			q.upto, q.last = int(id), written
			more = true
			break
		}
		c := &q.chains[id]
		done[n] = Done{c.cookie, written}
		n++
		next = next.Plus(uint32(c.slots), q.size)
		room += uint32(c.slots)
		c.slots = 0
		q.ids[tail&q.mask] = id
		tail++
	}
	q.next, q.freeTail, q.room = next, tail, room
	return n, more
}

// batch reaps chains of a batch of which the device has named the last one only (VIRTIO 1.2, 2.8.8). Those
// before it are written to completely.
func (q *Packed) batch(done []Done) int {
	for i := range done {
		id := q.ids[q.freeTail&q.mask]
		c := &q.chains[id]
		if c.slots == 0 {
			q.err = fmt.Errorf("the device gives back chains up to %d, which are not in order", q.upto)
			return i
		}
		done[i] = Done{c.cookie, c.writable}
		if q.release(id); int(id) == q.upto {
			done[i].Written = q.last
			q.upto = -1
			return i + 1
		}
	}
	return len(done)
}

// release frees a chain.
func (q *Packed) release(id uint16) {
	c := &q.chains[id]
	q.next = q.next.Plus(uint32(c.slots), q.size)
	q.room += uint32(c.slots)
	c.slots = 0
	q.ids[q.freeTail&q.mask] = id
	q.freeTail++
}

// Calls asks the device to be told of chains it has done with, or says that there is no need to, and reports
// whether there are some already, which the device does not tell of (VIRTIO 1.2, 2.8.10).
func (q *Packed) Calls(on bool) (ready bool) {
	wish := uint32(layout.EventDisable) << 16
	switch {
	case on && q.events:
		wish = layout.EventDesc<<16 | uint32(q.next.Encode())
	case on:
		wish = layout.EventEnable << 16
	}
	q.driverEvent.Store(wish)
	if q.err != nil {
		return false
	}
	rest := q.guard[q.next.At].Rest.Load()
	return q.upto >= 0 || uint16(rest>>48)&layout.PhaseMask == q.next.Used()
}
