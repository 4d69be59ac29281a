package virtq

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// Give gives the first n chains of b back, in their order and with what Written says, and makes the others, if
// any, as if they had not been taken. b is empty then. The guest sees it at Publish.
func (q *Packed) Give(b *Chains, n int) {
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

// give writes a used descriptor for each chain (VIRTIO 1.2, 2.8.6). Nobody looks at any before the first one
// changes hands, which it does at Publish.
func (q *Packed) give(b *Chains, n int) {
	given, done := q.given, 0
	if given == q.shown && n > 0 {
		q.first = usedRest(&b.chain[0], given.Used())
		given, done = q.behind(&b.chain[0], given), 1
	}
	// Chains of one descriptor lie side by side, up to the ring's end.
	for done < min(n, b.plain) {
		run := min(min(n, b.plain)-done, int(q.size-given.At))
		used, table, chains := given.Used(), q.desc[given.At:][:run], b.chain[done:][:run]
		for i := range table {
			table[i].Rest = usedRest(&chains[i], used)
		}
		given, done = given.Plus(uint32(run), q.size), done+run
	}
	for i := range b.chain[done:n] {
		c := &b.chain[done+i]
		q.desc[given.At].Rest = usedRest(c, given.Used())
		given = q.behind(c, given)
	}
	if q.log != nil {
		q.logGiven(b, n)
	}
	q.given = given
}

// usedRest returns the second word of the used descriptor of a chain. used is what its place has for PhaseMask then.
func usedRest(c *Chain, used uint16) uint64 {
	// FlagWrite says that something was written: less than nothing is negative. There is no branch to be guessed wrong.
	wrote := uint16(uint64(-int64(c.Written))>>63) * layout.FlagWrite
	return layout.PackedRest(c.Written, c.id(), used|wrote)
}

// behind returns the place behind a chain whose used descriptor is at at.
func (q *Packed) behind(c *Chain, at layout.Cursor) layout.Cursor {
	if c.slots() > 1 && q.flight == nil {
		q.cover(at, c.slots())
	}
	return at.Plus(c.slots(), q.size)
}

// cover makes the descriptors of a chain behind its first one, at at, look used as well. The driver skips them (VIRTIO 1.2,
// 2.8.6) and writes them anew; a device that comes after one that was killed sees by the last one where that was: see find.
func (q *Packed) cover(at layout.Cursor, slots uint32) {
	for range slots - 1 {
		at = at.Plus(1, q.size)
		q.desc[at.At].Rest = layout.PackedRest(0, 0, at.Used())
	}
}

// logGiven logs what giving n chains, the first at given, wrote to, and what Publish is to write to.
func (q *Packed) logGiven(b *Chains, n int) {
	at := q.given
	for i := range b.chain[:n] {
		c := &b.chain[i]
		q.logWritten(b, c)
		for range c.slots() {
			q.logUsed(layout.DescBytes*uint64(at.At), layout.DescBytes)
			at = at.Plus(1, q.size)
		}
	}
}

// giveBatch writes one used descriptor for n chains, with the id of the last one, in place of the first one's
// (VIRTIO 1.2, 2.8.8). The last one itself is made to look used, too: see cover. An inflight region tells where the device
// was, so that with one that is left out.
func (q *Packed) giveBatch(b *Chains, n int) {
	rest := layout.PackedRest(0, b.chain[n-1].id(), q.given.Used())
	if q.given == q.shown {
		q.first = rest
	} else {
		q.desc[q.given.At].Rest = rest
	}
	q.logUsed(layout.DescBytes*uint64(q.given.At), layout.DescBytes)
	plain := min(b.plain, n-1)
	at := q.given.Plus(uint32(plain), q.size)
	for i := range b.chain[plain : n-1] {
		at = at.Plus(b.chain[plain+i].slots(), q.size)
	}
	slots := b.chain[n-1].slots()
	if q.flight == nil {
		if n > 1 {
			q.desc[at.At].Rest = layout.PackedRest(0, 0, at.Used())
		}
		q.cover(at, slots)
	}
	for range slots {
		q.logUsed(layout.DescBytes*uint64(at.At), layout.DescBytes)
		at = at.Plus(1, q.size)
	}
	q.given = at
}

// untake makes the chains of b from n on available again.
func (q *Packed) untake(b *Chains, n int) {
	if q.old.taken > 0 {
		q.old.next -= b.n - n
		return
	}
	for i := b.n - 1; i >= n; i-- {
		q.next = q.next.Minus(b.chain[i].slots(), q.size)
	}
	if q.flight != nil {
		q.flight.untake(b.chain[n:b.n])
	}
	// How far Available has seen is counted from next.
	q.known, q.ahead = 0, 0
}

// Publish shows the guest what was given (VIRTIO 1.2, 2.8.22): the first used descriptor, behind all others.
func (q *Packed) Publish() {
	if q.given == q.shown || q.err != nil {
		return
	}
	if q.flight != nil {
		q.flight.publish(q.given)
	}
	q.guard[q.shown.At].Rest.Store(q.first)
	q.logUsed(layout.DescBytes*uint64(q.shown.At), layout.DescBytes) // Give noted the others
	q.fresh += q.given.Since(q.shown, q.size)
	q.shown = q.given
	if q.flight != nil {
		q.flight.published(q.shown)
	}
}

// Interrupt reports whether the guest wants to be told of what was published since the last call (VIRTIO 1.2,
// 2.8.10). The store of Publish is ordered before the load of the guest's wish.
func (q *Packed) Interrupt() bool {
	if q.err != nil || q.fresh == 0 {
		return false
	}
	old, fresh := q.told, q.fresh
	q.told, q.fresh = q.shown, 0
	wish := q.driverEvent.Load()
	switch wish >> 16 & 3 {
	case layout.EventDisable:
		return false
	case layout.EventDesc:
		event := layout.DecodeCursor(uint16(wish))
		if !q.events || q.untold || event.At >= q.size {
			q.untold = false // what was compared with before, if anything, is not known
			return true
		}
		// The descriptor that the guest waits for is among those from old on.
		return event.Since(old, q.size) < fresh
	}
	return true
}

// Kicks asks the guest for notifications, or says that there is no need of them, and reports whether there is
// something to take already; the guest does not notify of that (VIRTIO 1.2, 2.8.10).
func (q *Packed) Kicks(on bool) (ready bool) {
	if q.err != nil {
		return false
	}
	wish := uint32(layout.EventDisable) << 16
	switch {
	case on && q.events:
		wish = layout.EventDesc<<16 | uint32(q.next.Encode())
	case on:
		wish = layout.EventEnable << 16
	}
	q.deviceEvent.Store(wish)
	if q.logRing {
		q.log.Mark(q.deviceGuest, 4)
	}
	return q.Available() > 0
}
