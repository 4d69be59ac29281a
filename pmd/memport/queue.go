package memport

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// An rxQueue is the receiving side of a wire.
type rxQueue struct {
	pool     *frame.Pool
	wire     *wire
	counters *counter.Block
	popped   [frame.MaxBatch]frame.Frame
}

func newRxQueue(l *link, w *wire) *rxQueue {
	return &rxQueue{pool: l.pool, wire: w, counters: counter.NewBlock(rxCounters())}
}

// Recv implements pmd.RxQueue.
func (q *rxQueue) Recv(b *frame.Batch) int {
	q.wire.bell.Hush()
	n := q.wire.frames.PopN(q.popped[:b.Room()])
	if n == 0 {
		return 0
	}
	size := 0
	for _, f := range q.popped[:n] {
		size += q.pool.Total(f)
		b.Append(f)
	}
	q.counters.Add(pmd.RxPackets, uint64(n))
	q.counters.Add(pmd.RxBytes, uint64(size))
	return n
}

// Arm implements pmd.RxQueue.
func (q *rxQueue) Arm() (ready bool) {
	q.wire.bell.Arm()
	return !q.wire.frames.Empty()
}

// FD implements pmd.RxQueue: an eventfd.
func (q *rxQueue) FD() int { return q.wire.bell.FD() }

// Counters implements pmd.RxQueue.
func (q *rxQueue) Counters() *counter.Block { return q.counters }

// A txQueue is the sending side of a wire.
type txQueue struct {
	pool     *frame.Pool
	cache    *frame.Cache
	wire     *wire
	peer     *atomic.Bool // somebody receives at the other end
	longest  int          // bytes of the longest frame taken
	counters *counter.Block
	sent     bool // frames were pushed since the last Flush
}

func newTxQueue(l *link, w *wire, peer *atomic.Bool, mtu int) (*txQueue, error) {
	c, err := l.pool.NewCache()
	if err != nil {
		return nil, err
	}
	return &txQueue{
		pool: l.pool, cache: c, wire: w, peer: peer, longest: mtu + tagRoom,
		counters: counter.NewBlock(txCounters()),
	}, nil
}

// Send implements pmd.TxQueue.
func (q *txQueue) Send(b *frame.Batch) int {
	if !q.peer.Load() {
		q.counters.Add(txNoPeer, uint64(b.Len()))
		q.cache.PutBatch(b)
		return 0
	}
	size := q.sift(b)
	fs := b.Frames()
	n := q.wire.frames.PushN(fs)
	for _, f := range fs[n:] {
		size -= q.pool.Total(f)
		q.cache.Put(f)
	}
	if n < len(fs) {
		q.counters.Add(pmd.TxFull, uint64(len(fs)-n))
	}
	b.Reset()
	q.counters.Add(pmd.TxPackets, uint64(n))
	q.counters.Add(pmd.TxBytes, uint64(size))
	q.sent = q.sent || n > 0
	return n
}

// sift frees the frames of b that are too long and returns the bytes of the others.
func (q *txQueue) sift(b *frame.Batch) (size int) {
	fs := b.Frames()
	kept := 0
	for _, f := range fs {
		n := q.pool.Total(f)
		if n > q.longest {
			q.cache.Put(f)
			continue
		}
		fs[kept] = f
		kept++
		size += n
	}
	if kept < len(fs) {
		q.counters.Add(pmd.TxTooLong, uint64(len(fs)-kept))
		b.Truncate(kept)
	}
	return size
}

// Flush implements pmd.TxQueue. Nothing is ever left behind: frames are in the ring or freed.
func (q *txQueue) Flush() (pending bool) {
	if q.sent {
		q.sent = false
		q.wire.bell.Ring()
	}
	return false
}

// Counters implements pmd.TxQueue.
func (q *txQueue) Counters() *counter.Block { return q.counters }
