package upcall

import (
	"github.com/culvertdev/culvert/flowcache"
	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
)

// Serve gives every queue of a lane one turn, on the lane's worker: for switches whose slow path has no CPU of
// its own, where a thread beside the worker's would cost changes from one to the other and find the worker
// polling. take deals with requests of one queue, which have left it, with the help of Resolve, and must not keep
// them: nothing is handed back and forth. Serve does nothing while somebody else serves. The time it takes is bounded
// as ports' shares are. It returns the number of requests.
func (h *Handler) Serve(l *Lane, take func(*Queue, []Request)) (served int) {
	if !h.serving.TryLock() {
		return 0
	}
	defer h.serving.Unlock()
	h.rounds++
	for _, q := range *l.queues.Load() {
		if !q.Requests.Empty() {
			served += h.give(q, take)
		}
		if !q.Sent.Empty() {
			h.deliver(q)
		}
	}
	if served > 0 {
		h.Learned()
	}
	return served
}

// give lets take have as many of one queue's requests, which are some, as its port's share of this round allows.
func (h *Handler) give(q *Queue, take func(*Queue, []Request)) int {
	granted := q.Share.grant(h.rounds)
	if granted == 0 {
		return 0
	}
	n := q.Requests.PopN(h.reqs[:granted])
	now := h.Now()
	take(q, h.reqs[:n])
	q.Share.charge(n, h.Now()-now)
	h.counters.Add(Served, uint64(n))
	h.counters.Publish()
	return n
}

// A Resolution is what is to happen to a packet.
type Resolution struct {
	// Slot is its flow, to be credited with the packet; 0: it is in no cache, and its table has been told of it.
	Slot    flowcache.Slot
	Actions flowcache.ListID // its program: a flow's until the worker's next tick, others until Dismiss
}

// Resolve decides about packets of one port, which are at most frame.MaxBatch and whose keys are k, and writes to
// to what is to happen to each. It is for take of Serve, on the worker. What is in to must be given to Dismiss
// afterwards.
func (h *Handler) Resolve(port uint32, frames []frame.Frame, k *flow.Keys, to []Resolution) {
	h.lock()
	defer h.mu.Unlock()
	now := h.Now()
	for i, f := range frames {
		k.Key(i, &h.flow.Key)
		slot, actions, _ := h.decide(port, f, now)
		if slot == 0 {
			h.credit(f, now)
		}
		to[i] = Resolution{slot, actions}
	}
	h.due.tell()
}

// Dismiss ends the use of programs that Resolve returned.
func (h *Handler) Dismiss(rs []Resolution) {
	for len(rs) > 0 && rs[0].Slot != 0 {
		rs = rs[1:]
	}
	if len(rs) == 0 {
		return
	}
	h.lock()
	defer h.mu.Unlock()
	for i := range rs {
		if rs[i].Slot == 0 {
			h.Lists.Release(rs[i].Actions)
		}
	}
}
