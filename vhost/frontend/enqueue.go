package frontend

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
	"github.com/culvertdev/culvert/vhost/virtq/driver"
)

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
