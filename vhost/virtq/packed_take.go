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
	if q.flight != nil {
		q.flight.taken()
	}
	return b.n, nil
}

// takeNew takes chains as long as their first descriptors are available and b has room. No more descriptors can
// be under way than the ring has.
func (q *Packed) takeNew(b *Chains, limit int) {
	slots := uint32(0)
	plain, simple := q.log == nil, q.log == nil && !q.apart
	for b.n < limit && slots < q.size {
		// Chains are mostly alike: without a plain one here, there is hardly one behind it.
		if plain {
			n := q.takePlain(b, min(limit, b.n+int(q.size-slots)))
			if slots += n; n > 0 {
				continue
			}
			plain = false
		}
		rest := q.guard[q.next.At].Rest.Load()
		if uint16(rest>>48)&layout.PhaseMask != q.next.Phase {
			break
		}
		d, n := layout.Desc{Addr: q.desc[q.next.At].Addr, Rest: rest}, uint32(0)
		if simple {
			n = q.pair(b, d, q.size-slots)
		}
		if n == 0 {
			n = q.chain(b, q.next, d, q.size-slots)
		}
		if n == 0 {
			break
		}
		q.next = q.next.Plus(n, q.size)
		slots += n
	}
	q.pass(b.n, slots)
}

// takePlain takes chains until b has n, as long as they have one descriptor: what nearly every chain is like. It
// returns how many there were.
func (q *Packed) takePlain(b *Chains, n int) (slots uint32) {
	for n = min(n, b.n+MaxSegments-b.segs); b.n < n; {
		want := min(n-b.n, int(q.size-q.next.At)) // up to the ring's end
		took, elsewhere := q.takeRun(b, want)
		q.next = q.next.Plus(uint32(took), q.size)
		if slots += uint32(took); took < want && !elsewhere {
			break
		}
	}
	return slots
}

// takeRun takes the plain chains among the next n descriptors, for which b has room and which do not wrap around
// the ring, and returns how many. It stops early at one that is not plain, or that is elsewhere: then the window has
// moved there, and it goes on in another run. A run in which the first chain is elsewhere again is none, so this
// ends whatever the guest does meanwhile.
func (q *Packed) takeRun(b *Chains, n int) (took int, elsewhere bool) {
	if q.flight != nil {
		return q.takeNoted(b, n)
	}
	like, size, area := q.next.Phase|q.direction, q.size, q.win.Area()
	guard, chains, segments := q.guard[q.next.At:][:n], b.chain[b.n:][:n], b.seg[b.segs:][:n]
	span := spanAlone(uint64(b.segs), like)
	var outside layout.Desc
	i := 0
	for i < len(guard) {
		d := layout.Desc{Rest: guard[i].Rest.Load()}
		if d.PackedFlags()&plainFlags != like || uint32(d.PackedID()) >= size || d.Len() == 0 {
			break
		}
		d.Addr = guard[i].Addr // only now is it the device's to read
		if !area.Has(d.Addr, d.Len()) {
			outside = d
			break
		}
		segments[i] = area.Bytes(d.Addr, d.Len())
		c := &chains[i]
		c.Written, c.tag, c.span = 0, uint32(d.PackedID())|1<<16, span
		span += spanStep
		i++
	}
	b.took(i)
	if outside.Len() != 0 {
		_, elsewhere = q.win.Bytes(outside.Addr, outside.Len())
	}
	return i, elsewhere && i > 0
}

// plainFlags are the flags by which a descriptor is seen to be available and a chain of its own.
const plainFlags = layout.PhaseMask | layout.FlagNext | layout.FlagIndirect | layout.FlagWrite

// takeNoted is takeRun for a ring of which it is noted what is in flight.
func (q *Packed) takeNoted(b *Chains, n int) (took int, elsewhere bool) {
	like, size, area, flight := q.next.Phase|q.direction, q.size, q.win.Area(), q.flight
	guard := q.guard[q.next.At:][:n]
	chains, segments, first := b.chain[b.n:][:n], b.seg[b.segs:][:n], uint64(b.segs)
	entry := flight.at
	for i := range guard {
		d := layout.Desc{Rest: guard[i].Rest.Load()}
		flags := d.PackedFlags()
		if flags&plainFlags != like || uint32(d.PackedID()) >= size || d.Len() == 0 {
			break
		}
		d.Addr = guard[i].Addr
		if !area.Has(d.Addr, d.Len()) {
			_, elsewhere = q.win.Bytes(d.Addr, d.Len())
			break
		}
		if int(entry) >= flight.size() {
			break
		}
		segments[i] = area.Bytes(d.Addr, d.Len())
		chains[i].alone(d.PackedID(), entry, first+uint64(i), flags)
		entry = flight.one(entry, d)
		took++
	}
	flight.at = entry
	b.took(took)
	return took, elsewhere && took > 0
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
