package frontend

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/proto"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

// A txQueue sends by a ring that names the frames' own bytes.
type txQueue struct {
	queue
	cache    *frame.Cache
	counters *counter.Block
	longest  int      // bytes of the longest packet that is not to be cut
	takes    pmd.Take // what was negotiated
	tables   bool     // a packet takes one entry of the ring, however many buffers it has
	sent     bool     // frames were published since the last Flush
	pieces   [frame.MaxChain + 1]driver.Buffer
}

var _ pmd.TxQueue = (*txQueue)(nil)

// Send implements pmd.TxQueue.
func (q *txQueue) Send(b *frame.Batch) int {
	if !q.gate.IsOpen() || !q.gate.Enter() {
		return q.down(b)
	}
	if q.ring.free() < q.port.o.RingSize/2 && !q.reclaim() {
		q.gate.Leave()
		return q.down(b)
	}
	var sent, bytes uint64
	for fs := b.Frames(); len(fs) > 0; {
		if n, size := q.row(fs); n > 0 {
			sent += uint64(n)
			bytes += uint64(size)
			fs = fs[n:]
			continue
		}
		f := fs[0]
		fs = fs[1:]
		total := q.pool.Total(f)
		if reason := q.enqueue(f, total); reason != 0 {
			q.counters.Add(reason, 1)
			q.cache.Put(f)
			continue
		}
		sent++
		bytes += uint64(total)
	}
	b.Reset()
	q.ring.publish()
	q.gate.Leave()
	q.counters.Add(pmd.TxPackets, sent)
	q.counters.Add(pmd.TxBytes, bytes)
	q.sent = q.sent || sent > 0
	return int(sent)
}

// down frees what cannot be sent for want of a back end.
func (q *txQueue) down(b *frame.Batch) int {
	q.counters.Add(txLinkDown, uint64(b.Len()))
	q.cache.PutBatch(b)
	return 0
}

// row puts the first of some frames into the ring at once, as long as they are plain (complete, in one buffer, with room for
// the header in front), and returns how many those were, and their bytes. Nearly all are.
func (q *txQueue) row(fs []frame.Frame) (n, size int) {
	room := min(len(fs), q.ring.free(), q.slots.room())
	for ; n < room; n++ {
		f := fs[n]
		if f.More() > 0 || f.Flags()&frame.HasOffload != 0 || f.Len() < ethernet || f.Len() > q.longest || q.pool.Headroom(f) < nethdr.Size {
			break
		}
		nethdr.Put(q.header(f), nil, 0)
		q.cookies[n], q.buffers[n] = q.slots.put(f), driver.Buffer{Addr: at(f.Off() - nethdr.Size), Len: uint32(f.Len() + nethdr.Size)}
		size += f.Len()
	}
	q.ring.addEach(q.cookies[:n], q.buffers[:n], false)
	return n, size
}

// reclaim frees the frames that the back end has sent. It reports false when that was not as it should be.
func (q *txQueue) reclaim() bool {
	for {
		n := q.ring.reap(q.done[:])
		for i := range q.done[:n] {
			q.cache.Put(q.slots.take(q.done[i].Cookie))
		}
		if !q.sound() {
			return false
		}
		if n < len(q.done) {
			return true
		}
	}
}

// Flush implements pmd.TxQueue. Frames that the back end has taken and not given back are not waited for: it may sit on
// them for ever.
func (q *txQueue) Flush() (pending bool) {
	if !q.sent {
		return false
	}
	q.sent = false
	if !q.gate.IsOpen() || !q.gate.Enter() {
		return false
	}
	if q.ring.kick() {
		q.counters.Add(txKick, 1)
		q.kick.ring()
	}
	q.gate.Leave()
	return false
}

// Counters implements pmd.TxQueue.
func (q *txQueue) Counters() *counter.Block { return q.counters }

// configure prepares a ring just made for what was negotiated.
func (q *txQueue) configure(f proto.Features) {
	q.tables = f.Has(proto.IndirectDesc)
	q.takes = takes(f, proto.Csum, proto.HostTSO4, proto.HostTSO6, proto.HostECN, proto.HostUSO)
}

// reset frees what the ring has, and returns how many frames of that the back end has not given back. The gate is
// shut.
func (q *txQueue) reset(c *frame.Cache) (lost int) {
	for n := len(q.done); q.made && n == len(q.done); {
		n = q.ring.reap(q.done[:])
		for i := range q.done[:n] {
			c.Put(q.slots.take(q.done[i].Cookie))
		}
	}
	return q.queue.reset(c)
}
