package driver

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// AddOne adds a chain of one buffer, which the device may read, or write to; false when there is no room. cookie
// comes back with it. The device sees it at Publish.
func (q *Split) AddOne(cookie uint32, b Buffer, write bool) bool {
	if q.freeTail == q.freeHead || q.err != nil {
		return false
	}
	head := q.free[q.freeHead&q.mask]
	q.freeHead++
	d, c := layout.SplitDesc(b.Addr, b.Len, 0, 0), chain{cookie: cookie, slots: 1}
	if write {
		d, c.writable = layout.SplitDesc(b.Addr, b.Len, layout.FlagWrite, 0), b.Len
	}
	q.desc[head] = d
	q.chains[head] = c
	q.offer(head)
	return true
}

// AddEach adds a chain of one buffer for each cookie, as AddOne does, and returns for how many there was room.
func (q *Split) AddEach(cookies []uint32, buffers []Buffer, write bool) int {
	if q.err != nil {
		return 0
	}
	n := min(len(cookies), len(buffers), q.Free())
	flags := uint16(0)
	if write {
		flags = layout.FlagWrite
	}
	for i, cookie := range cookies[:n] {
		b := buffers[i]
		head := q.free[q.freeHead&q.mask]
		q.freeHead++
		c := chain{cookie: cookie, slots: 1}
		if write {
			c.writable = b.Len
		}
		q.desc[head], q.chains[head] = layout.SplitDesc(b.Addr, b.Len, flags, 0), c
		q.offer(head)
	}
	return n
}

// Add adds a chain of buffers, first those that the device may read, then those it may write to; false when
// there is no room, or no buffer. It goes into an indirect table when it fits one. cookie comes back with it. The
// device sees it at Publish.
func (q *Split) Add(cookie uint32, readable, writable []Buffer) bool {
	n := len(readable) + len(writable)
	if n == 0 || q.err != nil {
		return false
	}
	slots := n
	if q.tables.fit(n) {
		slots = 1
	}
	if slots > q.Free() {
		return false
	}
	head := q.free[q.freeHead&q.mask]
	if q.tables.fit(n) {
		for i := range n {
			q.buffer(readable, writable, i, uint16(i+1)).Encode(q.tables.at(head, i))
		}
		t := q.tables.buffer(head, n)
		q.desc[head] = layout.SplitDesc(t.Addr, t.Len, layout.FlagIndirect, 0)
	} else {
		for i := range n {
			at, next := q.free[(q.freeHead+uint16(i))&q.mask], q.free[(q.freeHead+uint16(i)+1)&q.mask]
			q.links[at] = next
			q.desc[at] = q.buffer(readable, writable, i, next)
		}
	}
	q.freeHead += uint16(slots)
	c := chain{cookie: cookie, slots: uint16(slots)}
	for _, b := range writable {
		c.writable += b.Len
	}
	q.chains[head] = c
	q.offer(head)
	return true
}

// buffer returns the descriptor of buffer i of a chain; next is the one behind it, if there is one.
func (q *Split) buffer(readable, writable []Buffer, i int, next uint16) layout.Desc {
	b, flags := Buffer{}, uint16(layout.FlagNext)
	if i < len(readable) {
		b = readable[i]
	} else {
		b = writable[i-len(readable)]
		flags |= layout.FlagWrite
	}
	if i == len(readable)+len(writable)-1 {
		flags &^= layout.FlagNext
		next = 0
	}
	return layout.SplitDesc(b.Addr, b.Len, flags, next)
}

// offer puts a chain into the available ring. An entry that has the right value already is not written to: so
// the device keeps its copy of the cache line.
func (q *Split) offer(head uint16) {
	if e := &q.avail[q.added&q.mask]; *e != head {
		*e = head
	}
	q.added++
}

// Publish shows the device what was added (VIRTIO 1.2, 2.7.13): one store, behind all that was written before.
func (q *Split) Publish() {
	if q.added == q.shown {
		return
	}
	q.availWord.Store(uint32(q.flags) | uint32(q.added)<<16)
	q.shown = q.added
}

// Kick reports whether the device wants to be told of what was published since the last call (VIRTIO 1.2,
// 2.7.10).
func (q *Split) Kick() bool {
	old := q.told
	if q.shown == old {
		return false
	}
	q.told = q.shown
	if !q.events {
		return uint16(q.usedWord.Load())&layout.UsedNoNotify == 0
	}
	// The entry that the device waits for is among those from old up to shown.
	return q.availEvent.Load()-old < q.shown-old
}
