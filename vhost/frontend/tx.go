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

// enqueue puts f, of total bytes, into the ring, or returns the counter of the reason not to.
func (q *txQueue) enqueue(f frame.Frame, total int) (reason int) {
	var o *frame.Offload
	if f.Flags()&frame.HasOffload != 0 {
		o = &q.pool.Meta(f).Offload
		if pmd.Needs(o)&^q.takes != 0 {
			return txBadOffload
		}
	}
	switch {
	case f.Len() < ethernet:
		return txRunt
	case total > q.longest && (o == nil || o.GSO == frame.GSONone):
		return pmd.TxTooLong
	case q.ring.free() < q.entries(f.More()+1) || q.slots.room() == 0:
		return pmd.TxFull
	}
	if q.pool.Headroom(f) < nethdr.Size {
		return q.apart(f, o)
	}
	nethdr.Put(q.header(f), o, 0)
	first := driver.Buffer{Addr: at(f.Off() - nethdr.Size), Len: uint32(f.Len() + nethdr.Size)}
	if f.More() == 0 {
		q.ring.addOne(q.slots.put(f), first, false)
		return 0
	}
	next, _ := q.pool.Next(f)
	q.pieces[0] = first
	q.ring.add(q.slots.put(f), q.list(1, next))
	return 0
}

// entries returns how many entries of the ring n buffers take.
func (q *txQueue) entries(n int) int {
	if q.tables {
		return 1
	}
	return n
}

// list puts f's buffers into q.pieces, from place n on, and returns all pieces. Empty buffers are left out.
func (q *txQueue) list(n int, f frame.Frame) []driver.Buffer {
	for ok := true; ok; f, ok = q.pool.Next(f) {
		if f.Len() > 0 {
			q.pieces[n] = driver.Buffer{Addr: at(f.Off()), Len: uint32(f.Len())}
			n++
		}
	}
	return q.pieces[:n]
}

// apart is enqueue for a frame without room for the header in front: that goes into a buffer of its own, which is
// kept, and freed, as the first of the frame's chain.
func (q *txQueue) apart(f frame.Frame, o *frame.Offload) (reason int) {
	if q.ring.free() < q.entries(f.More()+2) || f.More()+2 > frame.MaxChain {
		return pmd.TxFull
	}
	g, ok := q.cache.Get()
	if !ok {
		return pmd.TxFull
	}
	nethdr.Put(q.header(g), o, 0)
	q.pieces[0] = driver.Buffer{Addr: at(g.Off() - nethdr.Size), Len: nethdr.Size}
	pieces := q.list(1, f)
	var whole frame.Chain
	whole.Append(q.pool, g)
	for ok := true; ok; {
		next, more := q.pool.Next(f)
		whole.Append(q.pool, f)
		f, ok = next, more
	}
	q.ring.add(q.slots.put(whole.Frame(q.pool)), pieces)
	return 0
}

// reclaim frees the frames that the back end has sent. It reports false when that was not as it should be.
func (q *txQueue) reclaim() bool {
	for {
		n := q.ring.reap(q.done[:])
		for i := range q.done[:n] {
			q.cache.Put(q.slots.take(q.done[i].Cookie))
		}
		if err := q.ring.err(); err != nil {
			q.fail(err)
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

// takes returns what may be left to whoever has negotiated these features of f.
func takes(f, csum, tso4, tso6, ecn, uso proto.Features) (t pmd.Take) {
	if !f.Has(csum) {
		return 0
	}
	t = pmd.TakeCsum
	if f.Has(tso4) {
		t |= pmd.TakeTSO4
	}
	if f.Has(tso6) {
		t |= pmd.TakeTSO6
	}
	if f.Has(ecn) {
		t |= pmd.TakeECN
	}
	if f.Has(uso) {
		t |= pmd.TakeUSO
	}
	return t
}
