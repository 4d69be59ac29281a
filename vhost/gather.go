package vhost

import (
	"time"

	"github.com/culvertdev/culvert/ring/counter"
)

// How packets gather in a ring under load.
const (
	// DefaultGather is how long packets may wait in the ring so that more come. 256 of them take that long
	// at 8 million a second.
	DefaultGather = 32 * time.Microsecond
	maxGather     = time.Millisecond
	gatherEnough  = 256 // packets that are worth the way, or half a ring if that is less
	gatherLoad    = 64  // packets that must come in that time, or none waits: two million a second by default
)

// A gather decides when to take packets out of a ring. Two cores that meet there for every packet fight over
// the same cache lines, and get half as many through as two that meet when there is something to fetch. So under
// load packets are left until there are enough of them, or the first has waited long enough; while the load is
// low each is taken at once.
//
// It looks at the clock when it has taken packets and while it waits, and at the guest's index, which is what
// they fight over, when it expects enough.
type gather struct {
	now    func() int64 // ns
	wait   int64        // ns that packets may wait; 0: none does
	enough int          // packets

	on    bool
	left  int   // packets to take before the next decision
	count int   // packets taken since start
	start int64 // ns, of the last decision
	until int64 // ns: what is there then is taken
	look  int64 // ns: not enough before that
	pace  int64 // ns in which enough came last
}

// reset begins anew with a ring of so many entries.
func (g *gather) reset(size int) {
	*g = gather{now: g.now, wait: g.wait, enough: max(1, min(gatherEnough, size/2))}
}

// ready reports whether to take packets from h now.
func (g *gather) ready(h *half, counters *counter.Block) bool {
	if !g.on || g.left > 0 {
		return true
	}
	now := g.now()
	if now < g.look {
		return false
	}
	waiting := h.available()
	if waiting >= g.enough || now >= g.until {
		g.left = waiting
		return true
	}
	counters.Add(rxWaits, 1)
	g.look = min(g.until, now+g.pace*int64(g.enough-waiting)/int64(g.enough))
	return false
}

// took notes that n packets were taken. full: there was room for no more. It reports whether the guest should
// hear of it now, since no more are taken soon.
func (g *gather) took(n int, full bool) (over bool) {
	if n == 0 && !g.on {
		return true // an idle ring costs no look at the clock
	}
	g.count += n
	g.left -= n
	if g.on && g.left > 0 && full {
		return false
	}
	g.decide()
	return true
}

// decide finds out what the load was, from time to time.
func (g *gather) decide() {
	g.left = 0
	if g.wait == 0 {
		return
	}
	now := g.now()
	spent := max(1, now-g.start)
	if !g.on && spent < g.wait {
		return
	}
	g.on = int64(g.count)*g.wait >= gatherLoad*spent
	g.pace = spent * int64(g.enough) / int64(max(1, g.count))
	g.count, g.start, g.until, g.look = 0, now, now+g.wait, now
}
