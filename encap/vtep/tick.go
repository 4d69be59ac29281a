package vtep

import "time"

const (
	// probeTime is how long the users of an answer have to want it again: a walk over all cached flows, with
	// room to spare.
	probeTime = 30 * time.Second
	// laterTime is how long something waits at least that the rate of questions stands against.
	laterTime = 100 * time.Millisecond
	// ageStep is the most entries that are looked at without letting go of the lock.
	ageStep = 256
)

// Tick lets time pass: questions are asked again or given up, answers past their life are asked for anew. It
// is to be called about ten times a second, by one goroutine.
func (d *Directory) Tick() {
	now := d.opt.Clock()
	for _, p := range []any{d.look, d.inv} {
		if a, ok := p.(Ager); ok {
			a.Tick(now)
		}
	}
	d.listen(now)
	d.age()
}

// start starts a plug-in and tells it what time it is.
func start(p interface{ Start(Sink) error }, s Sink, now int64) error {
	if err := p.Start(s); err != nil {
		return err
	}
	if a, ok := p.(Ager); ok {
		a.Tick(now)
	}
	return nil
}

// age does what is due.
func (d *Directory) age() {
	now := d.opt.Clock()
	before := d.begins()
	var ask []Question
	for more := true; more; {
		ask, more = d.ageSome(now, ask[:0])
		for _, q := range ask {
			d.put(q)
		}
	}
	if d.version() != before {
		d.notify()
	}
}

// begins begins a look at what is due, and returns the version of what is known.
func (d *Directory) begins() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.behind)
	return d.log.version
}

func (d *Directory) version() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.version
}

// ageSome does some of what is due and appends to ask what is to be asked. more: there may be more to do.
func (d *Directory) ageSome(now int64, ask []Question) (_ []Question, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range ageStep {
		e := d.book.first()
		if e == nil || e.due > now {
			return ask, false
		}
		if d.ageOne(e, now) {
			ask = append(ask, e.q)
		}
	}
	return ask, true
}

// ageOne does what is due with e and reports whether to ask. What it leaves in the book is due later than now.
func (d *Directory) ageOne(e *entry, now int64) (ask bool) {
	switch {
	case e.asking && e.tries >= d.opt.Tries:
		d.giveUp(e, now)
	case e.asking || e.used:
		if !d.asks.take(e.q.VNI, now) {
			d.book.schedule(e, now+int64(laterTime)+d.queue(e.q.VNI))
			return false
		}
		e.asking, e.used, e.probed = true, false, false
		e.tries++
		d.book.schedule(e, now+int64(d.opt.Wait))
		return true
	case e.have == ends && !e.probed:
		e.probed = true
		d.changed(e.q)
		d.book.schedule(e, now+int64(probeTime))
	default:
		d.drop(e)
	}
	return false
}

// queue puts a question of a network that the rate stands against behind the others of that network, and returns how long those
// take, in ns: each look is at those alone whose turn it is. Networks share the rate, of which none gets more than half: one
// with few questions does not wait until those of another are asked.
func (d *Directory) queue(vni uint32) int64 {
	before := d.behind[vni]
	d.behind[vni]++
	return before * int64(max(2, len(d.behind))) * billion / int64(d.opt.Rate)
}

// giveUp ends the waiting for an answer. What was known goes on serving.
func (d *Directory) giveUp(e *entry, now int64) {
	d.tally.unanswered++
	e.asking, e.again, e.tries = false, false, 0
	due := now + int64(d.opt.NegativeLife)
	if e.have != nothing {
		e.stale = true
		d.book.schedule(e, due)
		return
	}
	d.changed(e.q)
	d.shelve(e, unanswered, due)
}
