package datapath

import (
	"time"

	"github.com/culvertdev/culvert/datapath/upcall"
	"github.com/culvertdev/culvert/ring/frame"
)

// ask sends the packets of miss to the slow path: of each flow the first, while the others wait.
func (w *pipeline) ask(port, recirc uint32, depth int, b *frame.Batch, miss []uint16) {
	p := w.port(port)
	if p == nil {
		w.refuseAll(b, miss)
		return
	}
	sent := 0
	for _, i := range miss {
		f, hash := b.Frames()[i], w.keys.Hash[i]
		switch {
		case w.waiting.Has(hash):
			w.keep(f, hash, depth)
		default:
			source := sourceHash(&w.keys, i, &w.x.Seed)
			if reason, count := w.admit(p, hash, source, depth); reason >= 0 {
				w.refuse(f, reason)
				p.fresh.Add(count, 1)
				continue
			}
			if !p.up.Requests.Push(upcall.Request{Frame: f, Recirc: recirc, Hash: hash, Source: source, Depth: uint8(depth)}) {
				panic("datapath: more requests than the port may have")
			}
			sent++
		}
	}
	if sent > 0 {
		p.fresh.Add(newAsked, uint64(sent))
		w.count.levels.Add(askedSlowPath, uint64(sent))
		w.kick()
	}
}

// admit takes a place on the port's way to the slow path for the first packet of a flow. If there is none it
// returns why the packet is dropped, and the port's counter of that; otherwise a negative reason.
func (w *pipeline) admit(p *workerPort, hash uint64, source uint8, depth int) (reason, count int) {
	switch {
	case p.sources.Full():
		return dropQueueFull, newQueueFull
	case !p.sources.Add(source): // before the rate: who has no place left takes no other sender's part of that
		return dropSourceFull, newSourceFull
	case !p.rate.Take(w.now):
		p.sources.Remove(source)
		return dropNewFlowRate, newOverRate
	case !w.waiting.Add(hash, depth, &p.held):
		panic("datapath: more waiting keys than ports may have")
	}
	return -1, 0
}

// refuseAll drops the packets of miss, whose port is gone.
func (w *pipeline) refuseAll(b *frame.Batch, miss []uint16) {
	for _, i := range miss {
		w.refuse(b.Frames()[i], dropPortGone)
	}
}

// refuse drops a packet that no cache knows and the slow path does not get.
func (w *pipeline) refuse(f frame.Frame, reason int) {
	w.count.levels.Add(undecided, 1)
	w.count.drop(reason, 1)
	w.frames.Put(f)
}

const (
	// fewAnswers is how many answers are taken before the worker looks at the time.
	fewAnswers = 8
	// leastForAnswers is the time that there is for them in each poll cycle.
	leastForAnswers = int64(10 * time.Microsecond)
)

// takeAnswers runs the actions of packets that have come back from the slow path, each followed by the packets that waited
// behind it, for as long as the poll cycle has gone on. It returns the number of packets. Others are for the next cycle: a
// queue's worth of them, a microsecond each and more, would otherwise hold up what comes for as long as a ring takes to fill, and
// packets whose verdicts are not cached would go round here.
func (w *pipeline) takeAnswers() int {
	left := w.lane.Answers.Len()
	if left == 0 {
		return 0
	}
	start, total := w.clock(), 0
	until := start + max(start-w.now, leastForAnswers)
	for {
		n, taken := w.takeSome(min(left, fewAnswers))
		total += n
		if left -= taken; left == 0 || w.clock() >= until {
			return total
		}
	}
}

// takeAllAnswers is takeAnswers for a worker that has ended.
func (w *pipeline) takeAllAnswers() {
	for !w.lane.Answers.Empty() {
		w.takeSome(fewAnswers)
	}
}

// takeSome takes up to most answers, and returns the number of packets and of answers.
func (w *pipeline) takeSome(most int) (packets, taken int) {
	taken = w.lane.Answers.PopN(w.answers[:most])
	for i := range w.answers[:taken] {
		packets += w.take(&w.answers[i])
	}
	w.answered += taken
	return packets, taken
}

// take runs the actions of a packet that comes back, then looks up those that have waited behind it.
// It returns the number of packets.
func (w *pipeline) take(a *upcall.Answer) int {
	if p := w.port(a.Port); p != nil {
		p.sources.Remove(a.Source)
	}
	held, depth := w.waiting.Remove(a.Hash)
	n := 1 + held.Len()
	w.clones.left = maxClones
	b := &w.answer
	b.Append(a.Frame)
	w.x.Extract(w.pool, a.Port, a.Recirc, b, &w.keys)
	if w.watch != nil {
		w.watch.answered(w, a, depth)
	}
	w.run(w.lists.Get(a.Actions), run{
		port: a.Port, recirc: a.Recirc, depth: depth,
		frames: b.Frames(), l3: w.keys.L3[:1], l4: w.keys.L4[:1],
	})
	b.Reset()
	w.finishRecirc(depth, 0, b)
	w.release(a.Port, a.Recirc, depth, &held, b)
	return n
}
