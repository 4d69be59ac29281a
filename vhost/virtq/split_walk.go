package virtq

import "github.com/culvertdev/culvert/vhost/virtq/internal/layout"

// chain takes the chain that begins with d, the descriptor head. It returns false when it was not taken: the
// queue is dead, b has no room left, or an address is not translated yet.
func (q *Split) chain(b *Chains, head uint16, d layout.Desc) bool {
	c := b.build(&q.win, q.log != nil)
	k, value := q.walk(&c, d)
	if k == 0 {
		c.finish(head, 1, head)
		return true
	}
	c.undo()
	if !q.absent(k) && (k != TooManySegments || b.n == 0) {
		q.fail(k, uint32(q.next), value)
	}
	return false
}

// walk follows a chain through the descriptor table (VIRTIO 1.2, 2.7.5). An indirect table may end it.
func (q *Split) walk(c *builder, d layout.Desc) (Kind, uint64) {
	for range len(q.desc) {
		flags := d.SplitFlags()
		if flags&layout.FlagIndirect != 0 {
			switch {
			case !q.indirect:
				return IndirectRefused, uint64(flags)
			case flags&layout.FlagNext != 0: // 2.7.5.3.1
				return IndirectNext, uint64(flags)
			}
			return q.walkTable(c, d)
		}
		if k, value := c.add(d.Addr, d.Len(), flags&layout.FlagWrite != 0); k != 0 {
			return k, value
		}
		if flags&layout.FlagNext == 0 {
			return 0, 0
		}
		next := d.SplitNext()
		if int(next) >= len(q.desc) {
			return NextRange, uint64(next)
		}
		d = q.desc[next]
	}
	return ChainLoop, uint64(len(q.desc))
}

// walkTable follows a chain through the indirect table that d refers to (VIRTIO 1.2, 2.7.5.3).
func (q *Split) walkTable(c *builder, d layout.Desc) (Kind, uint64) {
	t, k, value := openTable(&q.tables, d)
	if k != 0 {
		return k, value
	}
	at := uint32(0)
	for range t.n {
		e, ok := t.at(at)
		if !ok {
			return IndirectOutside, t.addr
		}
		flags := e.SplitFlags()
		if flags&layout.FlagIndirect != 0 {
			return IndirectNested, uint64(flags)
		}
		if k, value := c.add(e.Addr, e.Len(), flags&layout.FlagWrite != 0); k != 0 {
			return k, value
		}
		if flags&layout.FlagNext == 0 {
			return 0, 0
		}
		if at = uint32(e.SplitNext()); at >= t.n {
			return NextRange, uint64(at)
		}
	}
	return ChainLoop, uint64(t.n)
}
