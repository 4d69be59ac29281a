package memport

import (
	"fmt"
	"sync"

	"github.com/culvertdev/culvert/ring/frame"
)

// A Peer is Go code's end of a memory port. Its own Send and Recv are those of queue 0.
//
// Thread-safety: each Queue is for one goroutine at a time; Fail, SetLink and Close are safe for
// concurrent use, but Close only once nobody uses the queues any more.
type Peer struct {
	*Queue
	port   *Port
	queues []*Queue

	mu     sync.Mutex
	closed bool
}

// newPeer joins the port's link at its other end.
func newPeer(p *Port) (*Peer, error) {
	e, err := p.link.newEnds(1-p.end, p.o.MTU)
	if err != nil {
		return nil, err
	}
	if err := p.link.join(1-p.end, p.o, e.tx[0].cache); err != nil {
		e.close()
		return nil, err
	}
	peer := &Peer{port: p}
	for i := range e.tx {
		peer.queues = append(peer.queues, &Queue{rx: e.rx[i], tx: e.tx[i]})
	}
	peer.Queue = peer.queues[0]
	return peer, nil
}

// Queues returns the peer's queues: what queue i sends, the port's receive queue i gets, and the
// other way round.
func (p *Peer) Queues() []*Queue { return p.queues }

// SetLink takes the peer off the link and puts it back: while it is off, the port has no carrier and
// drops what it is to send.
func (p *Peer) SetLink(up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.port.link.up[1-p.port.end].Store(up)
	}
}

// Fail stops the port as a device that goes away would: its Done is closed and Err returns err.
func (p *Peer) Fail(err error) { p.port.fail(err) }

// Close leaves the link: the port has no carrier any more. It is idempotent.
func (p *Peer) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	_, err := p.port.link.leave(1-p.port.end, p.queues[0].tx.cache)
	for _, q := range p.queues {
		q.tx.cache.Close()
	}
	if err != nil {
		return fmt.Errorf("close peer of memory port %s: %w", p.port.info.Name, err)
	}
	return nil
}

// A Queue is one queue as the peer sees it, both directions.
//
// Thread-safety: one goroutine at a time may send, and one may receive. Only whoever sends calls
// SendBytes, Free and RecvBytes, which share one stock of buffers.
type Queue struct {
	rx *rxQueue
	tx *txQueue
	in frame.Batch // RecvBytes' and SendBytes'
}

// Send gives every frame of b to the port and leaves b empty. Frames that do not fit are freed. It
// returns the number accepted and wakes the port's worker if that sleeps.
func (q *Queue) Send(b *frame.Batch) int {
	n := q.tx.Send(b)
	q.tx.Flush()
	return n
}

// Waiting returns how many frames that were sent the port has not taken yet; the least there can be, when others are at
// work. It is for whoever sends.
func (q *Queue) Waiting() int { return q.tx.wire.frames.Len() }

// Recv appends what the port sent to b and returns how many; the caller owns the frames.
func (q *Queue) Recv(b *frame.Batch) int { return q.rx.Recv(b) }

// Free frees every frame of b and empties it.
func (q *Queue) Free(b *frame.Batch) { q.tx.cache.PutBatch(b) }

// Arm asks for FD to become readable when there is something to receive and reports whether there is
// already.
func (q *Queue) Arm() (ready bool) { return q.rx.Arm() }

// FD is a descriptor that polls readable when the armed queue has something to receive.
func (q *Queue) FD() int { return q.rx.FD() }

// SendBytes sends copies of packets, each as a chain when it is longer than a buffer, and returns how
// many were accepted; it stops at the first that finds no buffers.
func (q *Queue) SendBytes(packets ...[]byte) int {
	n := 0
	for _, p := range packets {
		f, ok := q.tx.cache.FromBytes(p)
		if !ok {
			break
		}
		q.in.Append(f)
		if q.in.Room() == 0 {
			n += q.Send(&q.in)
		}
	}
	return n + q.Send(&q.in)
}

// RecvBytes returns copies of all packets that wait, oldest first; nil when there is none. It
// allocates: it is for tests and for looking, not for carrying traffic.
func (q *Queue) RecvBytes() [][]byte {
	var packets [][]byte
	for q.rx.Recv(&q.in) > 0 {
		for _, f := range q.in.Frames() {
			packets = append(packets, q.tx.pool.AppendTo(nil, f))
		}
		q.Free(&q.in)
	}
	return packets
}
