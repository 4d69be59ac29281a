package driver

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// AddOne adds a chain of one buffer, which the device may read, or write to; false when there is no room. cookie
// comes back with it. The device sees it at Publish.
func (q *Packed) AddOne(cookie uint32, b Buffer, write bool) bool {
	if q.room == 0 || q.err != nil {
		return false
	}
	id := q.ids[q.freeHead&q.mask]
	q.freeHead++
	flags, c := uint16(0), chain{cookie: cookie, slots: 1}
	if write {
		flags, c.writable = layout.FlagWrite, b.Len
	}
	q.chains[id] = c
	q.put(b, id, flags)
	return true
}

// AddEach adds a chain of one buffer for each cookie, as AddOne does, and returns for how many there was room.
func (q *Packed) AddEach(cookies []uint32, buffers []Buffer, write bool) int {
	if q.err != nil {
		return 0
	}
	n := min(len(cookies), len(buffers), int(q.room))
	flags := uint16(0)
	if write {
		flags = layout.FlagWrite
	}
	added, head := q.added, q.freeHead
	for i, cookie := range cookies[:n] {
		b := buffers[i]
		id := q.ids[head&q.mask]
		head++
		c := chain{cookie: cookie, slots: 1}
		if write {
			c.writable = b.Len
		}
		q.chains[id] = c
		d := &q.desc[added.At]
		d.Addr = b.Addr
		if rest := layout.PackedRest(b.Len, id, flags|added.Phase); added == q.shown { // as in put
			q.first = rest
		} else {
			d.Rest = rest
		}
		added = added.Plus(1, q.size)
	}
	q.added, q.freeHead, q.room = added, head, q.room-uint32(n)
	return n
}

// Add adds a chain of buffers, first those that the device may read, then those it may write to; false when
// there is no room, or no buffer. It goes into an indirect table when it fits one. cookie comes back with it. The
// device sees it at Publish.
func (q *Packed) Add(cookie uint32, readable, writable []Buffer) bool {
	n := len(readable) + len(writable)
	slots := n
	if q.tables.fit(n) {
		slots = 1
	}
	if n == 0 || uint32(slots) > q.room || q.err != nil {
		return false
	}
	id := q.ids[q.freeHead&q.mask]
	q.freeHead++
	c := chain{cookie: cookie, slots: uint16(slots)}
	for _, b := range writable {
		c.writable += b.Len
	}
	q.chains[id] = c
	if q.tables.fit(n) {
		q.table(id, readable, writable)
		return true
	}
	for i, b := range readable {
		q.put(b, id, nextUnless(i == n-1))
	}
	for i, b := range writable {
		q.put(b, id, layout.FlagWrite|nextUnless(len(readable)+i == n-1))
	}
	return true
}

// table adds a chain by an indirect table (VIRTIO 1.2, 2.8.7).
func (q *Packed) table(id uint16, readable, writable []Buffer) {
	i := 0
	for _, b := range readable {
		layout.Desc{Addr: b.Addr, Rest: layout.PackedRest(b.Len, 0, 0)}.Encode(q.tables.at(id, i))
		i++
	}
	for _, b := range writable {
		layout.Desc{Addr: b.Addr, Rest: layout.PackedRest(b.Len, 0, layout.FlagWrite)}.Encode(q.tables.at(id, i))
		i++
	}
	q.put(q.tables.buffer(id, i), id, layout.FlagIndirect)
}

// nextUnless returns the flag of a descriptor that is not the last of its chain.
func nextUnless(last bool) uint16 {
	if last {
		return 0
	}
	return layout.FlagNext
}

// put writes the next descriptor (VIRTIO 1.2, 2.8.21.1). The device looks at none before the first one since the
// last publish changes hands.
func (q *Packed) put(b Buffer, id, flags uint16) {
	d := &q.desc[q.added.At]
	rest := layout.PackedRest(b.Len, id, flags|q.added.Phase)
	d.Addr = b.Addr
	if q.added == q.shown {
		q.first = rest
	} else {
		d.Rest = rest
	}
	q.added = q.added.Plus(1, q.size)
	q.room--
}

// Publish shows the device what was added: the first descriptor, behind all others.
func (q *Packed) Publish() {
	if q.added == q.shown {
		return
	}
	q.guard[q.shown.At].Rest.Store(q.first)
	q.fresh += q.added.Since(q.shown, q.size)
	q.shown = q.added
}

// Kick reports whether the device wants to be told of what was published since the last call (VIRTIO 1.2,
// 2.8.10).
func (q *Packed) Kick() bool {
	if q.fresh == 0 {
		return false
	}
	old, fresh := q.told, q.fresh
	q.told, q.fresh = q.shown, 0
	wish := q.deviceEvent.Load()
	switch wish >> 16 & 3 {
	case layout.EventDisable:
		return false
	case layout.EventDesc:
		event := layout.DecodeCursor(uint16(wish))
		// The descriptor that the device waits for is among those from old on.
		return !q.events || event.At >= q.size || event.Since(old, q.size) < fresh
	}
	return true
}
