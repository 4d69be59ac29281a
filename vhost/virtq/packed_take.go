package virtq

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// Take replaces what is in b by the next chains, at most limit, and returns how many. With an error there are
// none, and the queue is dead.
//
// Chains that are taken stay taken until Give; there is no second Take before it.
func (q *Packed) Take(b *Chains, limit int) (int, error) {
	b.reset()
	if q.err != nil {
		return 0, q.err
	}
	if q.flight != nil {
		q.Publish() // entries of chains given back serve new ones: the guest must have seen it
	}
	limit = min(limit, MaxChains)
	q.old.taken = 0
	if q.old.left() > 0 {
		q.takeOld(b, limit)
	} else {
		q.takeNew(b, limit)
	}
	if q.err != nil {
		b.reset()
		return 0, q.err
	}
	return b.n, nil
}

// takeNew takes chains as long as their first descriptors are available and b has room.
func (q *Packed) takeNew(b *Chains, limit int) {
	base, memory := q.win.Region()
	size := uint64(len(memory))
	plain := q.log == nil && q.flight == nil
	at, slots := q.next, uint32(0)
	// No more descriptors can be under way than the ring has.
	for b.n < limit && slots < q.size {
		rest := q.guard[at.At].Rest.Load()
		flags := uint16(rest >> 48)
		if flags&layout.PhaseMask != at.Phase {
			break
		}
		// The common chain is one descriptor in the region where the last one was.
		d := layout.Desc{Addr: q.desc[at.At].Addr, Rest: rest}
		off, length := d.Addr-base, uint64(d.Len())
		if flags&(layout.FlagNext|layout.FlagIndirect) == 0 && uint32(d.PackedID()) < q.size &&
			length > 0 && off < size && length <= size-off && b.segs < MaxSegments && plain {
			b.one(d.PackedID(), memory[off:off+length:off+length], flags)
			at = at.Plus(1, q.size)
			slots++
			continue
		}
		n := q.chain(b, at, d, q.size-slots)
		if n == 0 {
			break
		}
		at = at.Plus(n, q.size)
		slots += n
		base, memory = q.win.Region()
		size = uint64(len(memory))
	}
	q.next = at
	q.pass(b.n, slots)
}

// pass notes that so many chains and descriptors of those that Available saw are taken.
func (q *Packed) pass(chains int, slots uint32) {
	if slots >= q.ahead {
		q.known, q.ahead = 0, 0
		return
	}
	q.known -= chains
	q.ahead -= slots
}

// chain takes the chain that begins with d at at, of at most most descriptors, and returns how many it has. 0: it
// was not taken, because the queue is dead or b has no room left.
func (q *Packed) chain(b *Chains, at layout.Cursor, d layout.Desc, most uint32) (slots uint32) {
	c := b.build(&q.win, q.log != nil)
	if q.flight != nil {
		q.flight.begin()
	}
	slots, id, k, value := q.walk(&c, at, d, most)
	if k == 0 && uint32(id) >= q.size {
		k, value = IDRange, uint64(id)
	}
	if k == 0 {
		k, value = c.finish(id, uint16(slots))
	}
	if k == 0 {
		if q.flight != nil {
			b.chain[b.n-1].entry = q.flight.take()
		}
		return slots
	}
	c.undo()
	if k != TooManySegments || b.n == 0 {
		q.fail(k, at.At, value)
	}
	return 0
}

// walk follows a chain around the ring (VIRTIO 1.2, 2.8.6). Its last descriptor has the id.
func (q *Packed) walk(c *builder, at layout.Cursor, d layout.Desc, most uint32) (slots uint32, id uint16, k Kind, value uint64) {
	for slots = 1; slots <= most; slots++ {
		if q.flight != nil && !q.flight.add(d) {
			return 0, 0, ChainLoop, uint64(slots)
		}
		flags := d.PackedFlags()
		if flags&layout.FlagIndirect != 0 {
			k, value = q.walkTable(c, d, slots > 1)
			return slots, d.PackedID(), k, value
		}
		if k, value = c.add(d.Addr, d.Len(), flags&layout.FlagWrite != 0); k != 0 {
			return 0, 0, k, value
		}
		if flags&layout.FlagNext == 0 {
			return slots, d.PackedID(), 0, 0
		}
		at = at.Plus(1, q.size)
		d.Rest = q.guard[at.At].Rest.Load()
		d.Addr = q.desc[at.At].Addr
		if d.PackedFlags()&layout.PhaseMask != at.Phase {
			return 0, 0, ChainOpen, d.Rest
		}
	}
	return 0, 0, ChainLoop, uint64(most)
}

// walkTable goes through the indirect table that d refers to, from its first descriptor to its last (VIRTIO 1.2,
// 2.8.7). Of their flags only one counts; the others are reserved, to be ignored.
func (q *Packed) walkTable(c *builder, d layout.Desc, chained bool) (Kind, uint64) {
	switch {
	case !q.indirect:
		return IndirectRefused, d.Rest
	case chained || d.PackedFlags()&layout.FlagNext != 0: // 2.8.19
		return IndirectNext, d.Rest
	}
	t, k, value := openTable(&q.win, d)
	if k != 0 {
		return k, value
	}
	for i := range t.n {
		e, ok := t.at(i)
		if !ok {
			return IndirectOutside, t.addr
		}
		if k, value := c.add(e.Addr, e.Len(), e.PackedFlags()&layout.FlagWrite != 0); k != 0 {
			return k, value
		}
	}
	return 0, 0
}
