package vtep

import (
	"net/netip"
	"slices"
)

// Answer implements Sink.
func (d *Directory) Answer(q Question, a Answer) {
	if err := a.Check(q); err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tally.wrong++
		d.fault = "the answer about " + q.String() + ": " + err.Error()
		return
	}
	changed, ask := d.store(q, &a)
	if ask {
		d.put(q)
	}
	if changed {
		d.notify()
	}
}

// others returns list without those at one of self, and without doubles, in order.
func others(list []End, self []netip.Addr) []End {
	kept := make([]End, 0, len(list))
	for _, e := range list {
		if !slices.Contains(self, e.Addr) && !slices.Contains(kept, e) {
			kept = append(kept, e)
		}
	}
	return kept
}

// store keeps an answer. ask: it was out of date when it came, and the question is to be asked again.
func (d *Directory) store(q Question, a *Answer) (changed, ask bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if q.Kind == Flood {
		a.Ends = others(a.Ends, d.self)
	}
	now := d.opt.Clock()
	e := d.book.find(q)
	switch {
	case e == nil && (a.None() || d.book.count[shelf[ends]] >= d.opt.MaxKnown/2):
		d.tally.unasked++ // half of the room is for what was asked for
		return false, false
	case e == nil:
		d.tally.unasked++
		e = d.book.add(q, now)
	case e.again:
		e.again = false
		if e.tries < d.opt.Tries {
			e.tries++
			d.book.schedule(e, now+int64(d.opt.Wait))
			return false, true
		}
	}
	h, life := ends, d.opt.Life
	if a.None() {
		h, life = none, d.opt.NegativeLife
	}
	if a.Life > 0 {
		life = min(life, a.Life)
	}
	changed = e.have != h || !e.a.Equal(a)
	e.a = *a
	e.asking, e.stale, e.probed, e.tries = false, false, false, 0
	d.shelve(e, h, now+int64(life))
	if changed {
		d.changed(q)
	}
	return changed, false
}

// shelve sets what e has and when it is due, and makes room if its shelf is full.
func (d *Directory) shelve(e *entry, h have, due int64) {
	d.book.set(e, h)
	d.book.schedule(e, due)
	s, room := shelf[h], d.opt.MaxKnown
	if h != ends {
		room = d.opt.MaxNegative
	}
	for d.book.count[s] > room {
		d.tally.crowded++
		d.drop(d.book.oldest(s))
	}
}

// drop forgets what is known about a question. Flows that used it are looked up again.
func (d *Directory) drop(e *entry) {
	d.changed(e.q)
	d.book.remove(e)
}

// Invalidate implements Sink.
func (d *Directory) Invalidate(s Scope) {
	if d.invalidate(s) {
		d.notify()
	}
}

func (d *Directory) invalidate(s Scope) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tally.invalidated++
	if s.What == One {
		e := d.book.find(s.Question)
		return e != nil && d.void(e, &s)
	}
	for _, q := range d.book.all(nil) {
		if s.What == Everything || q.VNI == s.Question.VNI {
			changed = d.void(d.book.find(q), &s) || changed
		}
	}
	return changed
}

// void gives up what is known in e if s is about it.
func (d *Directory) void(e *entry, s *Scope) (changed bool) {
	if s.End.IsValid() && e.have != nothing && !e.a.Has(s.End) {
		return false
	}
	if !e.asking {
		d.drop(e)
		return true
	}
	// The answer under way may be from before.
	e.again = true
	if e.have == nothing {
		return false
	}
	e.a = Answer{}
	e.stale = false
	d.book.set(e, nothing)
	d.changed(e.q)
	return true
}

// Recovered implements Sink.
func (d *Directory) Recovered() {
	d.mu.Lock()
	now := d.opt.Clock()
	for _, q := range d.book.all(nil) {
		e := d.book.find(q)
		e.used, e.tries = true, 0
		if e.have == unanswered {
			d.drop(e)
			continue
		}
		// What was asked may have been lost.
		e.asking = e.have == nothing
		d.book.schedule(e, now)
	}
	d.tally.recovered++
	d.mu.Unlock()
	d.age()
	d.notify()
}
