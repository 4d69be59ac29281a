package virtq

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// chain takes the chain that begins with d at at, of at most most descriptors, and returns how many it has. 0: it
// was not taken, because the queue is dead, b has no room left, or an address is not translated yet.
func (q *Packed) chain(b *Chains, at layout.Cursor, d layout.Desc, most uint32) (slots uint32) {
	c := b.build(&q.win, q.log != nil)
	first := uint16(0) // in the inflight region
	if q.flight != nil {
		first = q.flight.at
	}
	slots, id, k, value := q.walk(&c, at, d, most)
	if k == 0 && uint32(id) >= q.size {
		k, value = IDRange, uint64(id)
	}
	if k == 0 {
		if q.flight != nil {
			q.flight.take(first, uint16(slots))
		}
		c.finish(id, uint16(slots), first)
		return slots
	}
	c.undo()
	if q.flight != nil {
		q.flight.at = first
	}
	if !q.absent(k) && (k != TooManySegments || b.n == 0) {
		q.fail(k, at.At, value)
	}
	return 0
}

// walk follows a chain around the ring (VIRTIO 1.2, 2.8.6). Its last descriptor has the id.
func (q *Packed) walk(c *builder, at layout.Cursor, d layout.Desc, most uint32) (slots uint32, id uint16, k Kind, value uint64) {
	for slots = 1; ; slots++ {
		if q.flight != nil {
			if !q.flight.has(false) {
				return 0, 0, ChainLoop, uint64(slots)
			}
			q.flight.add(d)
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
		if slots == most {
			return 0, 0, ChainLoop, uint64(most)
		}
		at = at.Plus(1, q.size)
		d.Rest = q.guard[at.At].Rest.Load()
		d.Addr = q.desc[at.At].Addr
		if d.PackedFlags()&layout.PhaseMask != at.Phase {
			return 0, 0, ChainOpen, d.Rest
		}
	}
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
	t, k, value := openTable(&q.tables, d)
	if k != 0 {
		return k, value
	}
	for i := range t.n {
		e, ok := t.at(i)
		if !ok {
			return IndirectOutside, t.addr
		}
		write := e.PackedFlags()&layout.FlagWrite != 0 && !q.reads
		if k, value := c.add(e.Addr, e.Len(), write); k != 0 {
			return k, value
		}
	}
	return 0, 0
}
