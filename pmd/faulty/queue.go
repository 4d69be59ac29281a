package faulty

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// An rxQueue misbehaves on receive.
type rxQueue struct {
	pmd.RxQueue
	mangler
	port    *Port
	in      frame.Batch
	stalled int        // calls left without delivering
	flapped int        // calls left until the link comes back
	starved int        // calls left until the buffers in taken go back
	taken   frame.List // all of the arena's free buffers
}

// Recv implements pmd.RxQueue.
func (q *rxQueue) Recv(b *frame.Batch) int {
	q.draw()
	q.last()
	defer q.counts.Publish()
	switch {
	case q.stalled > 0:
		return 0
	case q.port.stopped.Load():
		q.lose(stopped)
		return 0
	case q.port.down.Load() > 0:
		q.lose(lost)
		return 0
	}
	if q.out.Len() == 0 {
		q.fetch()
	}
	n := 0
	for b.Room() > 0 {
		f, ok := q.out.Pop(q.pool)
		if !ok {
			break
		}
		b.Append(f)
		n++
	}
	q.port.delivered(n)
	return n
}

// fetch receives from the port and decides over each frame. A frame held back goes on when nothing
// comes to overtake it.
func (q *rxQueue) fetch() {
	if q.RxQueue.Recv(&q.in) == 0 {
		q.release()
		return
	}
	for _, f := range q.in.Frames() {
		q.push(f)
	}
	q.in.Reset()
}

// lose receives and frees: what comes in has nowhere to go.
func (q *rxQueue) lose(counter int) {
	q.counts.Add(counter, uint64(q.RxQueue.Recv(&q.in)))
	q.cache.PutBatch(&q.in)
}

// draw lets one of the faults that last begin, when none lasts.
func (q *rxQueue) draw() {
	f := &q.port.faults
	stall, flap, exhaust := q.hit(f.Stall), q.hit(f.Flap), q.hit(f.Exhaust)
	switch {
	case q.stalled+q.flapped+q.starved > 0:
	case stall:
		q.stalled = f.StallCalls + 1
		q.counts.Add(stalls, 1)
	case flap:
		q.flapped = f.FlapCalls + 1
		q.counts.Add(flaps, 1)
		q.port.down.Add(1)
	case exhaust:
		q.starved = f.ExhaustCalls + 1
		q.counts.Add(exhausts, 1)
		for g, ok := q.cache.Get(); ok; g, ok = q.cache.Get() {
			q.taken.Push(q.pool, g)
		}
	}
}

// last counts the calls down that faults last, and ends those that are over.
func (q *rxQueue) last() {
	if q.stalled > 0 {
		q.stalled--
	}
	if q.flapped > 0 {
		if q.flapped--; q.flapped == 0 {
			q.port.down.Add(-1)
		}
	}
	if q.starved > 0 {
		if q.starved--; q.starved == 0 {
			q.feed()
		}
	}
}

// feed gives the buffers of an exhausted arena back.
func (q *rxQueue) feed() {
	for f, ok := q.taken.Pop(q.pool); ok; f, ok = q.taken.Pop(q.pool) {
		q.cache.Put(f)
	}
}

// Arm implements pmd.RxQueue. While something lasts or is held back the queue calls itself ready:
// calls are what ends it, so the worker must not sleep.
func (q *rxQueue) Arm() (ready bool) {
	return q.RxQueue.Arm() || q.waiting() || q.stalled+q.flapped+q.starved > 0
}

// A txQueue misbehaves on transmit.
type txQueue struct {
	pmd.TxQueue
	mangler
	port *Port
	to   frame.Batch
}

// Send implements pmd.TxQueue.
func (q *txQueue) Send(b *frame.Batch) int {
	defer q.counts.Publish()
	switch {
	case q.port.stopped.Load():
		return q.lose(b, stopped)
	case q.port.down.Load() > 0:
		return q.lose(b, lost)
	}
	q.cut(b)
	for _, f := range b.Frames() {
		q.push(f)
	}
	accepted := b.Len()
	b.Reset()
	q.pass()
	return accepted
}

// pass hands on what is ready.
func (q *txQueue) pass() {
	for f, ok := q.out.Pop(q.pool); ok; f, ok = q.out.Pop(q.pool) {
		q.to.Append(f)
		if q.to.Room() == 0 {
			q.TxQueue.Send(&q.to)
		}
	}
	if q.to.Len() > 0 {
		q.TxQueue.Send(&q.to)
	}
}

// cut drops the end of the batch when a partial accept is drawn.
func (q *txQueue) cut(b *frame.Batch) {
	if !q.hit(q.port.faults.TxPartial) {
		return
	}
	keep := q.below(b.Len())
	for _, f := range b.Frames()[keep:] {
		q.cache.Put(f)
	}
	q.counts.Add(partial, uint64(b.Len()-keep))
	b.Truncate(keep)
}

func (q *txQueue) lose(b *frame.Batch, counter int) int {
	q.counts.Add(counter, uint64(b.Len()))
	q.cache.PutBatch(b)
	return 0
}

// Flush implements pmd.TxQueue. It ends the poll cycle: a frame held back has nothing to wait for.
func (q *txQueue) Flush() (pending bool) {
	if q.holds {
		q.release()
		q.pass()
	}
	return q.TxQueue.Flush()
}

// samples sums the counters of one direction over its queues.
func samples(blocks []*counter.Block) []counter.Sample {
	var all []counter.Sample
	for _, b := range blocks {
		all = b.Samples(all)
	}
	return counter.Sum(all)
}
