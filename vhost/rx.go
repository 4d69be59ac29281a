package vhost

import (
	"runtime/debug"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
)

// An rxQueue receives what the guest transmits on one ring. It copies packets into the arena, header first: what
// the switch looks at is its own.
type rxQueue struct {
	ring     *ring
	waker    waker
	pool     *frame.Pool
	cache    *frame.Cache
	counters *counter.Block
	gather   gather
	late     int  // packets of the visit before, if that has not been concluded: see conclude
	awake    bool // the waker was heard since the queue was armed
	announcement
	counted int         // packets that came first in the visit in hand, and
	size    int         // their bytes
	fresh   frame.Batch // empty buffers; a packet's are the last ones, and leave when it is all there
	header  [nethdr.Size]byte
	touched byte // what touch has read, so that it is read
}

// Recv implements pmd.RxQueue.
func (q *rxQueue) Recv(b *frame.Batch) (n int) {
	if !q.awake {
		q.awake = true
		q.waker.hush()
	}
	if q.announcement.asked() {
		n = q.announceTo(b)
	}
	if !q.ring.gate.IsOpen() || b.Room() == 0 || !q.ring.gate.Enter() {
		return n
	}
	had := b.Len()
	// A load from a page that the guest has taken away panics instead of ending the process.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			q.ring.caught(v)
		}
		q.ring.gate.Leave()
		n += q.count(b.Frames()[had:])
	}()
	if q.ring.asking {
		q.ring.kicks(false)
		q.ring.asking = false
	}
	if q.late > 0 {
		q.conclude()
	}
	if q.gather.ready(&q.ring.half, q.counters) {
		q.recv(b)
	} else {
		q.ring.examine()
	}
	return n // and what the deferred function counts
}

// recv takes what fits into b.
func (q *rxQueue) recv(b *frame.Batch) {
	r := q.ring
	n, err := r.take(&r.chains, b.Room())
	if err != nil {
		r.die(err)
		return
	}
	if n == 0 {
		r.look()
		q.gather.took(0, false)
		r.show()
		return
	}
	done := n
	if r.discard {
		q.counters.Add(rxDisabled, uint64(n))
	} else if done, err = q.copyIn(b, n); err != nil {
		r.die(err)
		return
	}
	r.give(&r.chains, done)
	r.hidden += done
	// If the switch is killed, the one after it takes what this one has not shown. Where that is noted no packet is to come twice:
	// so it is shown before they leave, and who is killed between the two loses them. A packed ring of which nothing is noted,
	// and in which something was given and not shown, is none that anybody can go on with (docs/vhost.md).
	if r.packed == nil && r.flight == nil && done <= pmd.Few && !q.gather.on {
		q.late = done
		return
	}
	if over := q.gather.took(done, b.Room() == 0); over || r.flight != nil || r.hidden >= showEvery {
		r.show()
	}
}

// conclude ends the visit before, which took few packets: they have left by now, and have not waited for the guest to get
// its buffers back, which takes the time of a cache line on its way, nor for a look at the clock.
func (q *rxQueue) conclude() {
	q.gather.took(q.late, false)
	q.late = 0
	q.ring.show()
}

// count counts frames that were received, and returns their number. Of the first ones the size is known.
func (q *rxQueue) count(frames []frame.Frame) int {
	if len(frames) == 0 {
		return 0
	}
	size := q.size
	for _, f := range frames[q.counted:] {
		size += q.pool.Total(f)
	}
	q.counted, q.size = 0, 0
	q.counters.Add(pmd.RxPackets, uint64(len(frames)))
	q.counters.Add(pmd.RxBytes, uint64(size))
	return len(frames)
}

// Arm implements pmd.RxQueue.
func (q *rxQueue) Arm() (ready bool) {
	q.awake = false
	if !q.ring.gate.IsOpen() || !q.ring.gate.Enter() {
		return false
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			q.ring.caught(v)
		}
		q.ring.gate.Leave()
	}()
	if q.late > 0 {
		q.conclude()
	}
	q.ring.asking = true
	ready = q.ring.kicks(true)
	q.ring.examine()
	return (ready || q.ring.polled) && !q.ring.waits // the session wakes the worker when there is an answer
}

// FD implements pmd.RxQueue: the same descriptor for all guests that come.
func (q *rxQueue) FD() int { return q.waker.fd() }

// Counters implements pmd.RxQueue.
func (q *rxQueue) Counters() *counter.Block { return q.counters }

// close gives back the buffers.
func (q *rxQueue) close() error {
	q.cache.PutBatch(&q.fresh)
	q.cache.Close()
	return q.waker.close()
}
