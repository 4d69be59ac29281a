package upcall

import "github.com/culvertdev/culvert/flowcache"

// turn serves as many of one queue's requests, which are some, as its port's share of this round allows, and
// sends the packets back with their actions.
func (h *Handler) turn(l *Lane, q *Queue) int {
	granted := q.Share.grant(h.rounds)
	if granted == 0 {
		return 0
	}
	h.lock()
	defer h.mu.Unlock()
	n := q.Requests.PopN(h.reqs[:granted])
	l.settle(h.Lists) // now that requests and answers together are at most what the lane takes
	now := h.Now()
	for reqs := h.reqs[:n]; len(reqs) > 0; {
		same := Alike(reqs)
		h.batch.Reset()
		for i := range same {
			h.batch.Append(same[i].Frame)
		}
		h.Extractor.Extract(h.Pool, q.Port, same[0].Recirc, &h.batch, &h.keys)
		for i := range same {
			r := &same[i]
			l.push(Answer{Frame: r.Frame, Port: q.Port, Recirc: r.Recirc, Hash: r.Hash, Source: r.Source}, h.answer(q.Port, i, r, now))
		}
		reqs = reqs[len(same):]
	}
	h.tell()
	q.Share.charge(n, h.Now()-now)
	h.counters.Add(Served, uint64(n))
	h.counters.Publish()
	return n
}

// answer returns the program of request i of a batch whose keys are extracted, with a reference for the caller, and
// tells the table of the packet, which no worker counts.
func (h *Handler) answer(port uint32, i int, r *Request, now int64) flowcache.ListID {
	h.keys.Key(i, &h.flow.Key)
	slot, actions, found := h.decide(port, r.Frame, now)
	switch {
	case found:
		h.Credit(slot, h.Pool.Total(r.Frame), now)
		h.Lists.Retain(actions)
	case slot != 0:
		h.credit(r.Frame, now)
		h.Lists.Retain(actions)
	default:
		h.credit(r.Frame, now)
	}
	return actions
}

// lock takes the lock over the flow cache. Whoever else has it lets go soon.
func (h *Handler) lock() {
	h.wanted.Store(true)
	h.mu.Lock()
	h.wanted.Store(false)
}

// Alike returns the first of some requests, and those behind it that can be dealt with together with it: they
// were looked up under the same recirculation id, and taken up again as often.
func Alike(reqs []Request) []Request {
	n := 1
	for n < len(reqs) && reqs[n].Recirc == reqs[0].Recirc && reqs[n].Depth == reqs[0].Depth {
		n++
	}
	return reqs[:n]
}

// push sends an answer down with a reference to its actions, which it takes over.
func (l *Lane) push(a Answer, actions flowcache.ListID) {
	a.Actions = actions
	l.lend(actions)
	if !l.Answers.Push(a) {
		panic("upcall: more answers than requests")
	}
}
