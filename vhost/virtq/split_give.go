package virtq

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// Give gives the first n chains of b back, in their order and with what Written says, and makes the others, if
// any, as if they had not been taken. b is empty then. The guest sees it at Publish.
func (q *Split) Give(b *Chains, n int) {
	if q.err == nil {
		q.untake(b, n)
		if q.order && q.reads && n > 0 {
			q.giveBatch(b, n)
		} else {
			q.give(b, n)
		}
		if q.flight != nil {
			q.flight.give(b.chain[:n])
		}
	}
	b.reset()
}

// give writes an entry for each chain. In a ring in order most are what they were a round ago: those are not written,
// and their cache line stays with both sides.
func (q *Split) give(b *Chains, n int) {
	used, given := q.used, q.given
	for i := range b.chain[:n] {
		c := &b.chain[i]
		e := layout.Used{ID: uint32(c.id()), Len: c.Written}
		if u := &used[int(given)&(len(used)-1)]; *u != e {
			*u = e
		}
		given++
	}
	q.given = given
	if q.log != nil {
		q.logGiven(b, n)
	}
}

// giveBatch writes one used entry for n chains, with the id of the last one, and skips the places of the others
// (VIRTIO 1.2, 2.7.9). The used ring is the driver's to read as well: each cache line of it that is not written stays
// with both.
func (q *Split) giveBatch(b *Chains, n int) {
	at := q.given & q.mask
	q.used[at] = layout.Used{ID: uint32(b.chain[n-1].id())}
	q.logUsed(4+8*uint64(at), 8)
	q.given += uint16(n)
}

// logGiven logs what giving n chains wrote to.
func (q *Split) logGiven(b *Chains, n int) {
	for i := range b.chain[:n] {
		q.logWritten(b, &b.chain[i])
		at := (q.given - uint16(n-i)) & q.mask
		q.logUsed(4+8*uint64(at), 8)
	}
}

// untake makes the chains of b from n on available again.
func (q *Split) untake(b *Chains, n int) {
	left := b.n - n
	if q.old.taken > 0 {
		q.old.next -= left
		return
	}
	q.next -= uint16(left)
	if q.flight != nil {
		q.flight.untake(b.chain[n:b.n])
	}
}

// Publish shows the guest what was given (VIRTIO 1.2, 2.7.14): one store, behind all that was written before.
func (q *Split) Publish() {
	if q.given == q.shown || q.err != nil {
		return
	}
	if q.flight != nil {
		q.flight.publish()
	}
	q.usedWord.Store(uint32(q.flags) | uint32(q.given)<<16)
	q.shown = q.given
	q.logUsed(0, 4)
	if q.flight != nil {
		q.flight.published(q.shown)
	}
}

// Interrupt reports whether the guest wants to be told of what was published since the last call (VIRTIO 1.2,
// 2.7.7). The store of Publish is ordered before the load of the guest's wish.
func (q *Split) Interrupt() bool {
	old := q.told
	if q.err != nil || q.shown == old {
		return false
	}
	q.told = q.shown
	if !q.events {
		return q.availFlag.Load()&layout.AvailNoInterrupt == 0
	}
	if q.untold {
		// What the event index was compared with before, if anything, is not known.
		q.untold = false
		return true
	}
	// The entry that the guest waits for is among those from old up to shown.
	return q.usedEvent.Load()-old < q.shown-old
}

// Kicks asks the guest for notifications, or says that there is no need of them, and reports whether there is
// something to take already; the guest does not notify of that (VIRTIO 1.2, 2.7.10).
func (q *Split) Kicks(on bool) (ready bool) {
	if q.err != nil {
		return false
	}
	switch {
	case !q.events:
		q.flags = layout.UsedNoNotify
		if on {
			q.flags = 0
		}
		q.usedWord.Store(uint32(q.flags) | uint32(q.shown)<<16)
		q.logUsed(0, 4)
	case on:
		q.event.Store(q.next)
		q.logUsed(4+8*uint64(len(q.used)), 2)
	}
	// With the event index there is nothing to turn off: one that was passed asks for nothing.
	return q.Available() > 0
}
