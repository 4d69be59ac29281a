package driver

import (
	"fmt"

	"github.com/culvertdev/culvert/vhost/virtq/internal/layout"
)

// Reap fills done with chains that the device has done with, in the order it gave them back, and returns how
// many. Their descriptors are free again.
func (q *Split) Reap(done []Done) int {
	if q.err != nil {
		return 0
	}
	n := int(q.seen - q.next)
	if n < len(done) {
		if n = q.look(); q.err != nil {
			return 0
		}
	}
	n = min(n, len(done))
	for i := range done[:n] {
		u := q.used[q.next&q.mask]
		if q.order {
			u = q.ordered(u)
		}
		if u.ID > uint32(q.mask) || q.chains[u.ID].slots == 0 {
			q.err = fmt.Errorf("the device gives back chain %d, which it does not have", u.ID)
			return i
		}
		c := &q.chains[u.ID]
		done[i] = Done{c.cookie, u.Len}
		q.release(uint16(u.ID), c)
		q.next++
	}
	if q.upto >= 0 && q.next == q.seen {
		q.err = fmt.Errorf("the device gives back chains up to %d, and %d does not come", q.upto, q.upto)
	}
	return n
}

// look reads the device's index and returns how many chains came back.
func (q *Split) look() int {
	seen := uint16(q.usedWord.Load() >> 16)
	if n := seen - q.next; n > q.shown-q.next {
		q.err = fmt.Errorf("the device gives back %d chains and has %d", n, q.shown-q.next)
		return 0
	}
	q.seen = seen
	return int(seen - q.next)
}

// ordered returns the used element of the chain that is next in order. For a batch the device writes that of its last chain
// in place of the first one's, and skips the places of the others, which have what they had a round ago. Those before the
// last are written to completely (VIRTIO 1.2, 2.7.9).
func (q *Split) ordered(u layout.Used) layout.Used {
	head := uint32(q.avail[q.next&q.mask])
	if q.upto < 0 {
		if u.ID == head || u.ID > uint32(q.mask) || q.chains[u.ID].slots == 0 {
			return u // one that goes back by itself, or that the device does not have
		}
		q.upto, q.last = int(u.ID), u.Len
	}
	switch {
	case int(head) == q.upto:
		u.Len, q.upto = q.last, -1
	case head <= uint32(q.mask):
		u.Len = q.chains[head].writable
	}
	u.ID = head
	return u
}

// release frees a chain's descriptors. Those behind the first are free in the order they were taken in.
func (q *Split) release(head uint16, c *chain) {
	q.free[q.freeTail&q.mask] = head
	q.freeTail++
	for at := head; c.slots > 1; c.slots-- {
		at = q.links[at]
		q.free[q.freeTail&q.mask] = at
		q.freeTail++
	}
	c.slots = 0
}

// Calls asks the device to be told of chains it has done with, or says that there is no need to, and reports
// whether there are some already, which the device does not tell of (VIRTIO 1.2, 2.7.7).
func (q *Split) Calls(on bool) (ready bool) {
	switch {
	case q.events && on:
		q.usedEvent.Store(q.next)
	case q.events:
		q.usedEvent.Store(q.next - 1) // passed already
	default:
		q.flags = layout.AvailNoInterrupt
		if on {
			q.flags = 0
		}
		q.availWord.Store(uint32(q.flags) | uint32(q.shown)<<16)
	}
	return q.err == nil && q.look() > 0
}
