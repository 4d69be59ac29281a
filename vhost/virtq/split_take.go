package virtq

import "github.com/culvertdev/culvert/ring/move"

// Take replaces what is in b by the next chains, at most limit, and returns how many. With an error there are
// none, and the queue is dead.
//
// Chains that are taken stay taken until Give; there is no second Take before it.
func (q *Split) Take(b *Chains, limit int) (int, error) {
	b.reset()
	if q.err != nil {
		return 0, q.err
	}
	limit = min(limit, MaxChains)
	if q.old.left() > 0 {
		q.takeOld(b, limit)
	} else {
		q.old.taken = 0
		q.takeNew(b, q.waiting(limit))
		q.follow(b)
		if q.flight != nil {
			q.flight.take(b.chain[:b.n])
		}
	}
	if q.err != nil {
		b.reset()
		return 0, q.err
	}
	return b.n, nil
}

// waiting returns how many of want entries there are to take. It looks at the guest's index only when what it
// saw there last is not enough: the two sides write to that line in turns.
func (q *Split) waiting(want int) int {
	if n := int(q.seen - q.next); n >= want {
		return want
	}
	if q.reads {
		q.expect()
	}
	return min(q.look(), want)
}

// expect asks for the descriptor that is likely to be next: as far from the last one as that was from the one before. The
// guest writes it for each packet, so it is on its way together with the index then, and not behind it.
func (q *Split) expect() { move.WillRead(&q.desc[(q.head+q.stride)&q.mask]) }

// follow notes which descriptors the last chains of b began with.
func (q *Split) follow(b *Chains) {
	if b.n == 0 {
		return
	}
	before := q.head
	if b.n > 1 {
		before = b.chain[b.n-2].id()
	}
	q.head = b.chain[b.n-1].id()
	q.stride = q.head - before
}

// look reads the guest's index and returns how many entries there are to take.
func (q *Split) look() int {
	seen := q.availWord.Load()
	// VIRTIO 1.2, 2.7.13: no more entries can be under way than the ring has, and none is taken back.
	if int(seen-q.shown) > len(q.desc) || int(seen-q.next) > len(q.desc) {
		q.fail(IndexJump, uint32(q.next), uint64(seen))
		return 0
	}
	q.seen = seen
	return int(seen - q.next)
}

// takeNew takes chains until b has n, or no room for more segments.
func (q *Split) takeNew(b *Chains, n int) {
	plain := q.log == nil
	simple := plain && !q.apart
	for b.n < n {
		// Chains are mostly alike: without a plain one here, there is hardly one behind it.
		if plain = plain && q.takePlain(b, n); b.n == n {
			return
		}
		head := q.avail[q.next&q.mask]
		if int(head) >= len(q.desc) {
			q.fail(HeadRange, uint32(q.next), uint64(head))
			return
		}
		d := q.desc[head]
		if !(simple && q.pair(b, head, d)) && !q.chain(b, head, d) {
			return
		}
		q.next++
	}
}

// takePlain takes chains until b has n, as long as they have one descriptor: what nearly every chain is like. It
// reports whether there were any.
func (q *Split) takePlain(b *Chains, n int) bool {
	had := b.n
	for n = min(n, b.n+MaxSegments-b.segs); b.n < n; {
		at := int(q.next & q.mask)
		want := min(n-b.n, len(q.avail)-at) // up to the ring's end
		took, elsewhere := q.takeRun(b, q.avail[at:at+want])
		q.next += uint16(took)
		if took < want && !elsewhere {
			break
		}
	}
	return b.n > had
}

// takeRun takes the plain chains at the beginning of heads, for which b has room, and returns how many. It stops
// early at one that is not plain, or that is elsewhere: then the window has moved there, and it goes on in another
// run. A run in which the first chain is elsewhere again is none, so this ends whatever the guest does meanwhile.
func (q *Split) takeRun(b *Chains, heads []uint16) (took int, elsewhere bool) {
	table, area, like := q.desc, q.win.Area(), q.direction
	chains, segments, first := b.chain[b.n:][:len(heads)], b.seg[b.segs:][:len(heads)], uint64(b.segs)
	for i, head := range heads {
		if int(head) >= len(table) {
			break
		}
		d := table[head]
		flags := d.SplitFlags()
		if flags != like || d.Len() == 0 {
			break
		}
		if !area.Has(d.Addr, d.Len()) {
			_, elsewhere = q.win.Bytes(d.Addr, d.Len())
			break
		}
		segments[i] = area.Bytes(d.Addr, d.Len())
		chains[i].alone(head, 0, first+uint64(i), flags)
		took++
	}
	b.took(took)
	return took, elsewhere && took > 0
}

// takeOld takes chains that were in flight before.
func (q *Split) takeOld(b *Chains, limit int) {
	for limit = min(limit, q.old.left()); limit > 0; limit-- {
		head := q.old.entries[q.old.next]
		if !q.chain(b, head, q.desc[head]) {
			return
		}
		q.old.next++
		q.old.taken++
	}
}
