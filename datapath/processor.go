package datapath

import "github.com/culvertdev/culvert/pmd/stage"

// SetStages implements pmd.Staged.
func (w *pipeline) SetStages(c *stage.Clock) { w.stages = c }

// Flush implements pmd.Processor: what the slow path and other workers have sent is dealt with, then
// everything staged leaves. A packet that comes back from the slow path therefore leaves before any
// of its flow that is received in the next cycle.
func (w *pipeline) Flush(now int64) int {
	w.now = now
	n := 0
	w.stages.Enter(stage.Slow)
	w.leisure.cycle(now)
	if w.asking {
		start := w.clock()
		n = w.serve()
		w.leisure.spend(w.clock() - start)
		w.asking = w.lane.Asking()
	}
	n += w.takeAnswers()
	taken, _ := w.takeOver()
	n += taken
	sent := w.takeInjected()
	if len(w.sends) > 0 {
		w.stages.Enter(stage.Transmit)
		w.flush()
	}
	w.stages.Enter(stage.Rest)
	if w.answered > 0 {
		w.lane.Done(w.answered) // only now: whoever waits for it finds the packets gone
		w.answered = 0
	}
	if sent > 0 {
		w.inject.done.Add(uint64(sent))
		n += sent
	}
	w.flows.Tick()
	if now >= w.publishAt {
		w.publish()
	}
	return n
}

// Settled implements pmd.Settler: no packet of the port is with the slow path, and none waits behind one that is. Those that came in
// tunnels are their ports' there; nobody knows by which port they came, so all tunnels count for each port that has some.
func (w *pipeline) Settled(port uint32) bool {
	p := w.port(port)
	if p == nil {
		return true
	}
	if p.under != nil {
		for _, t := range w.known {
			if t.tunnel != nil && !t.settled() {
				return false
			}
		}
	}
	return p.settled()
}

// settled reports whether no packet of the port, as this worker has it, is with the slow path or behind one that is.
func (p *workerPort) settled() bool { return p.held == 0 && p.sources.Len() == 0 }

// TakeOver implements pmd.Settler.
func (w *pipeline) TakeOver() bool {
	_, all := w.takeOver()
	w.flush()
	return all
}

// Park implements pmd.Processor.
func (w *pipeline) Park() (ready bool) {
	if len(w.sends) > 0 {
		return true
	}
	w.publish()
	// From here on the flow cache does not wait for this worker. Answers and hand-overs that come
	// after this look wake it.
	w.flows.Offline()
	if w.pending() {
		w.flows.Online()
		return true
	}
	return false
}

// Resume implements pmd.Processor.
func (w *pipeline) Resume() {
	w.flows.Online()
	w.now = w.clock()
}

// pending reports whether somebody has sent this worker something.
func (w *pipeline) pending() bool {
	if w.asking || !w.lane.Answers.Empty() || w.inject != nil && !w.inject.queue.Empty() {
		return true
	}
	for _, p := range w.served {
		if !p.tx.from.frames.Empty() {
			return true
		}
	}
	return false
}

// publish shows readers what was counted, the transmit queues' own counters included.
func (w *pipeline) publish() {
	w.publishAt = w.now + publishEvery
	w.ageFragments()
	w.count.publish()
	for _, p := range w.known {
		p.fresh.Publish()
		if p.tunnel != nil {
			p.tunnel.Publish()
		}
		if p.tx.q != nil {
			p.tx.q.Counters().Publish()
		}
	}
}
