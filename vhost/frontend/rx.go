package frontend

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
)

// An rxQueue receives from a ring whose buffers are empty frames.
type rxQueue struct {
	queue
	cache    *frame.Cache
	counters *counter.Block
	stage    frame.Batch // empty frames on their way into the ring
	longest  int         // bytes of the longest packet that is not to be cut
	takes    pmd.Take    // what was negotiated
	many     bool        // a packet may take several buffers

	armed bool // the worker was told to wait for call

	// A packet of which buffers are still to come.
	chain frame.Chain
	head  [nethdr.Size]byte
	left  int // buffers to come
}

var _ pmd.RxQueue = (*rxQueue)(nil)

// Recv implements pmd.RxQueue.
func (q *rxQueue) Recv(b *frame.Batch) int {
	if q.armed {
		q.hush()
	}
	if !q.gate.IsOpen() || !q.gate.Enter() {
		return 0
	}
	before := b.Len()
	q.take(b)
	q.fill()
	q.gate.Leave()
	n, size := b.Len()-before, 0
	if n == 0 {
		return 0
	}
	for _, f := range b.Frames()[before:] {
		size += q.pool.Total(f)
	}
	q.counters.Add(pmd.RxPackets, uint64(n))
	q.counters.Add(pmd.RxBytes, uint64(size))
	return n
}

// take moves what came back from the ring to b.
func (q *rxQueue) take(b *frame.Batch) {
	for b.Room() > 0 {
		want := min(b.Room(), reapAtOnce)
		n := q.ring.reap(q.done[:want])
		for i := range q.done[:n] {
			d := &q.done[i]
			f := q.slots.take(d.Cookie)
			if q.plain(b, f, int(d.Written)) {
				continue
			}
			if err := q.buffer(b, f, int(d.Written)); err != nil {
				q.freeRest(i+1, n)
				q.fail(err)
				return
			}
		}
		if !q.sound() || n < want {
			return
		}
	}
}

// plain makes f a packet if it is one by itself and complete, as nearly all are. It owns f then.
func (q *rxQueue) plain(b *frame.Batch, f frame.Frame, written int) bool {
	size := written - nethdr.Size
	if q.left > 0 || size < ethernet || size > min(q.longest, q.pool.Room()) || !nethdr.Plain(q.header(f), q.many) {
		return false
	}
	q.pool.SetLen(&f, size)
	b.Append(f)
	return true
}

// freeRest frees buffers that came back behind one that was wrong.
func (q *rxQueue) freeRest(from, to int) {
	for _, d := range q.done[from:to] {
		q.cache.Put(q.slots.take(d.Cookie))
	}
}

// Arm implements pmd.RxQueue. Without a session there is nothing; the session rings when it begins.
func (q *rxQueue) Arm() (ready bool) {
	q.armed = true
	if !q.gate.IsOpen() || !q.gate.Enter() {
		return false
	}
	ready = q.ring.calls(true)
	q.sound() // a worker that sleeps does not take what would tell
	q.gate.Leave()
	return ready
}

// hush takes away what makes FD readable, and asks for no more of it.
func (q *rxQueue) hush() {
	q.armed = false
	q.call.hush()
	if q.gate.IsOpen() && q.gate.Enter() {
		q.ring.calls(false)
		q.gate.Leave()
	}
}

// FD implements pmd.RxQueue: an eventfd.
func (q *rxQueue) FD() int { return q.call.fd }

// Counters implements pmd.RxQueue.
func (q *rxQueue) Counters() *counter.Block { return q.counters }

// configure prepares a ring just made for what was negotiated.
func (q *rxQueue) configure(f proto.Features) {
	q.many = f.Has(proto.MrgRxbuf)
	q.takes = takes(f, proto.GuestCsum, proto.GuestTSO4, proto.GuestTSO6, proto.GuestECN, guestUSO)
}

// reset frees what the ring and a packet half received have. The gate is shut.
func (q *rxQueue) reset(c *frame.Cache) {
	q.queue.reset(c)
	if q.left > 0 {
		q.left = 0
		c.Put(q.chain.Frame(q.pool))
	}
}
