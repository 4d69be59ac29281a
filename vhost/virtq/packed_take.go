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
	at, like, size, area, flight := q.next.At, q.next.Phase|q.direction, q.size, q.win.Area(), q.flight
	guard, table := q.guard[at:][:n], q.desc[at:][:n]
	chains, segments, first := b.chain[b.n:][:n], b.seg[b.segs:][:n], uint64(b.segs)
	entry := uint16(0) // in the inflight region
	if flight != nil {
		entry = flight.at
	}
	for i := range guard {
		d := layout.Desc{Rest: guard[i].Rest.Load()}
		flags := d.PackedFlags()
		if flags&(layout.PhaseMask|layout.FlagNext|layout.FlagIndirect|layout.FlagWrite) != like || uint32(d.PackedID()) >= size || d.Len() == 0 {
			break
		}
		d.Addr = table[i].Addr // only now is it the device's to read
		if !area.Has(d.Addr, d.Len()) {
			_, elsewhere = q.win.Bytes(d.Addr, d.Len())
			break
		}
		if flight != nil && int(entry) >= flight.size() {
			break
		}
		segments[i] = area.Bytes(d.Addr, d.Len())
		chains[i].alone(d.PackedID(), entry, first+uint64(i), flags)
		if flight != nil {
			entry = flight.one(entry, d)
		}
		took++
	}
	if flight != nil {
		flight.at = entry
	}
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
