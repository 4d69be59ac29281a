package frontend

import (
	"errors"
	"fmt"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
)

// errWritten and errBuffers are what a back end can claim of a packet and not have done.
var (
	errWritten = errors.New("the back end says it has written")
	errBuffers = errors.New("the back end says a packet takes")
)

// buffer makes f, into which written bytes were written, a packet or a part of one. It owns f.
func (q *rxQueue) buffer(b *frame.Batch, f frame.Frame, written int) error {
	room := q.pool.Room() + nethdr.Size
	if q.left > 0 { // no header: data from where the first buffer has one
		if written < 1 || written > room {
			q.cache.Put(f)
			return fmt.Errorf("%w %d bytes to a buffer of %d", errWritten, written, room)
		}
		q.chain.Append(q.pool, q.pool.At(f.Off()-nethdr.Size, written))
		if q.left--; q.left == 0 {
			q.finish(b, q.chain.Frame(q.pool))
		}
		return nil
	}
	if written < nethdr.Size || written > room {
		q.cache.Put(f)
		return fmt.Errorf("%w %d bytes, header included, to a buffer of %d", errWritten, written, room)
	}
	q.head = *q.header(f) // once: the back end may change it meanwhile
	q.pool.SetLen(&f, written-nethdr.Size)
	n := 1
	if q.many {
		n = nethdr.Buffers(&q.head)
	}
	switch {
	case n == 1:
		q.finish(b, f)
	case n < 1 || n > frame.MaxChain:
		q.cache.Put(f)
		return fmt.Errorf("%w %d buffers", errBuffers, n)
	default:
		q.chain.Append(q.pool, f)
		q.left = n - 1
	}
	return nil
}

// finish hands out f, a packet whose header is in q.head, or drops it.
func (q *rxQueue) finish(b *frame.Batch, f frame.Frame) {
	total := q.pool.Total(f)
	o, need, ok := nethdr.Parse(&q.head, total)
	reason := 0
	switch {
	case f.Len() < ethernet:
		reason = rxRunt
	case !ok || need && pmd.Needs(&o)&^q.takes != 0:
		reason = rxBadOffload
	case total > q.longest && o.GSO == frame.GSONone:
		reason = rxTooLong
	}
	if reason != 0 {
		q.counters.Add(reason, 1)
		q.cache.Put(f)
		return
	}
	if need {
		f.SetFlags(frame.HasOffload)
		q.pool.Meta(f).Offload = o
	}
	b.Append(f)
}
