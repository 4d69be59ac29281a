package upcall

import (
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// few is how many requests of a queue a worker keeps for its next cycle. More are work for two, if there are two.
const few = quantum

// A Taker deals with requests of one queue, which have left it, with the help of Resolve: with those from the first on that
// it can. The others it puts back. It returns with how many it has dealt.
type Taker func(*Queue, []Request) int

// Serve lets a worker deal with what waits in its lane, between two poll cycles: a packet goes on in the cycle in which it
// came, nobody has to wake up, and nothing is handed back and forth. It does nothing while somebody else serves. It
// returns the number of requests dealt with.
//
// Queues have turns as in a round of the handler's goroutine. If that is there to help (Shared), all queues together have
// so many nanoseconds, or the time of one turn if that is less, and left to it are requests beyond a few, those for tables that are dear, not prompt
// (rules.Prompt) or in use by others, and packets for the table.
func (h *Handler) Serve(l *Lane, take Taker, ns int64) (served int) {
	if h.Shared && ns <= 0 {
		h.Kick()
		return 0
	}
	if !h.serving.TryLock() {
		return 0
	}
	served, help := h.serve(l, take, min(ns, slice))
	h.serving.Unlock()
	if help || h.owing.Load() {
		h.Kick()
	}
	if served > 0 {
		h.Learned()
	}
	return served
}

// serve is Serve for who serves alone. help says that there is something for the goroutine.
func (h *Handler) serve(l *Lane, take Taker, ns int64) (served int, help bool) {
	h.rounds++
	qs, end := *l.queues.Load(), h.Now()+ns
	for i := range qs {
		q := qs[(uint64(i)+h.rounds)%uint64(len(qs))]
		if !q.Requests.Empty() {
			n, waits := h.give(q, take, end)
			served += n
			help = help || waits
		}
		switch {
		case q.Sent.Empty():
		case h.Shared:
			help = true
		default:
			h.deliver(q)
		}
	}
	return served, help
}

// give lets take have as many of one queue's requests, which are some, as its port's share of this round allows. help says
// that the others are better left to the handler's goroutine.
func (h *Handler) give(q *Queue, take Taker, end int64) (served int, help bool) {
	now := h.Now()
	if h.Shared && (now >= end || q.Share.dear() || !h.prompt(q.Port)) {
		return 0, true
	}
	granted := q.Share.grant(h.rounds)
	if granted == 0 {
		return 0, false
	}
	n := q.Requests.PopN(h.reqs[:granted])
	served = take(q, h.reqs[:n])
	if served > 0 {
		q.Share.charge(served, h.Now()-now)
		h.counters.Add(Served, uint64(served))
		h.counters.Add(ByWorkers, uint64(served))
		h.counters.Publish()
	}
	return served, h.Shared && (served < n || q.Requests.Len() > few)
}

// prompt reports whether workers may ask the table that decides about packets of a port.
func (h *Handler) prompt(port uint32) bool {
	t := h.TableOf(port)
	_, ok := rules.As[rules.Prompt](t)
	return ok || t == nil
}

// A Resolution is what is to happen to a packet.
type Resolution struct {
	// Slot is its flow, to be credited with the packet; 0: it is in no cache, and its table has been told of it.
	Slot    flowcache.Slot
	Actions flowcache.ListID // its program: a flow's until the worker's next tick, others until Dismiss
}

// Resolve decides about packets of one port, which are at most frame.MaxBatch and whose keys are k, and writes to
// to what is to happen to each. It returns the number of those it has decided about, the first ones: all but where
// others would have to be waited for, which only those do who serve without help. It is for a Taker, on the worker of the
// lane. What is in to must be given to Dismiss before the next Resolve.
func (h *Handler) Resolve(l *Lane, port uint32, frames []frame.Frame, k *flow.Keys, to []Resolution) (n int) {
	if !h.lockOnWorker() {
		return 0
	}
	defer h.mu.Unlock()
	if h.untold.n >= maxUntold {
		return 0
	}
	l.giveBack(h.Lists)
	h.hasty = h.Shared
	now := h.Now()
	for i, f := range frames {
		k.Key(i, &h.flow.Key)
		slot, actions, _ := h.decide(port, f, now)
		if h.busy {
			break
		}
		if slot == 0 {
			h.credit(f, now)
		}
		to[i] = Resolution{slot, actions}
		n++
	}
	h.tell()
	h.hasty, h.busy = false, false
	return n
}

// lockOnWorker is lock for a worker, which where it has help does not wait for others. It reports whether it has the lock.
func (h *Handler) lockOnWorker() bool {
	if h.Shared {
		return h.mu.TryLock()
	}
	h.lock()
	return true
}

// Dismiss ends the use of programs that Resolve returned.
func (h *Handler) Dismiss(l *Lane, rs []Resolution) {
	for i := range rs {
		if rs[i].Slot == 0 {
			l.owed = append(l.owed, rs[i].Actions)
		}
	}
	if len(l.owed) > 0 && h.lockOnWorker() {
		l.giveBack(h.Lists)
		h.mu.Unlock()
	}
}
