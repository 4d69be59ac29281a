package vhost

import (
	"runtime/debug"
	"time"

	"github.com/culvertdev/culvert/pmd"
)

// idleAfter is how long a guest may take nothing while packets come for it, until its link is taken for down.
const idleAfter = 10 * time.Second

// An idleness finds out when a guest takes nothing any more: it has stopped reading what it gets, or never gives buffers back.
// That costs it its own packets and nobody else anything, so its session goes on. But a port behind which nobody receives is
// one without a link: it is not flooded to, and a bond uses another. The link is back with the first buffer.
//
// Thread-safety: for one goroutine, any that is not a worker.
type idleness struct {
	port  *Port
	full  uint64        // packets dropped for want of buffers, at the last look
	since time.Time     // since when there has been no buffer; zero: there was one, or nobody has missed it
	after time.Duration // how long that may be
}

func newIdleness(p *Port) *idleness {
	p.idle.Store(false)
	return &idleness{port: p, full: p.full(), after: p.o.idle}
}

// look looks at the rings if packets have found no buffer in them lately.
func (i *idleness) look(now time.Time) {
	full := i.port.full()
	if full == i.full && i.since.IsZero() {
		return
	}
	offers, known := i.port.offers()
	if !known {
		return // the next look tells
	}
	i.full = full
	switch {
	case offers:
		i.since = time.Time{}
		i.set(false)
	case i.since.IsZero():
		i.since = now
	case now.Sub(i.since) >= i.after:
		i.set(true)
	}
}

// set notes that the guest is idle, or not, if that is news.
func (i *idleness) set(idle bool) {
	p := i.port
	if p.idle.Swap(idle) == idle {
		return
	}
	p.state.setIdle(idle)
	if idle {
		p.log.Warn("link down: the guest takes nothing", "path", p.o.Path, "for", i.after)
	} else {
		p.log.Info("link up: the guest takes packets again", "path", p.o.Path)
	}
}

// full returns how many packets were dropped for want of buffers.
func (p *Port) full() (n uint64) {
	for _, q := range p.tx {
		n += q.counters.Value(pmd.TxFull)
	}
	return n
}

// offers reports whether a ring that packets go to the guest by has a buffer, or none of them runs: then that is why nothing
// is taken. known is false when a worker is in a ring that might have one.
func (p *Port) offers() (offers, known bool) {
	runs := false
	known = true
	for i := 0; i < len(p.rings); i += 2 {
		n, running, busy := p.rings[i].offered()
		if n > 0 {
			return true, true
		}
		runs, known = runs || running, known && !busy
	}
	return !runs, known
}

// offered returns how many buffers wait in a ring, and whether it runs. It looks as a worker does, from another goroutine, and
// does not wait for a worker that has the ring, which is busy then: it is for who frees workers, too.
func (r *ring) offered() (n int, runs, busy bool) {
	in, busy := r.gate.TryEnter()
	if !in {
		return 0, false, busy
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			r.caught(v)
		}
		r.gate.Leave()
	}()
	n = r.available()
	r.examine()
	return n, true, false
}
