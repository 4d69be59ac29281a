package pcapport

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// An rxQueue takes frames from the reader.
type rxQueue struct {
	pool     *frame.Pool
	reader   *reader
	counters *counter.Block
	popped   [frame.MaxBatch]frame.Frame
}

// Recv implements pmd.RxQueue.
func (q *rxQueue) Recv(b *frame.Batch) int {
	q.reader.bell.Hush()
	n := q.reader.frames.PopN(q.popped[:b.Room()])
	size := 0
	for _, f := range q.popped[:n] {
		size += q.pool.Total(f)
		b.Append(f)
	}
	if n > 0 {
		q.counters.Add(pmd.RxPackets, uint64(n))
		q.counters.Add(pmd.RxBytes, uint64(size))
	}
	return n
}

// Arm implements pmd.RxQueue.
func (q *rxQueue) Arm() (ready bool) {
	q.reader.bell.Arm()
	return !q.reader.frames.Empty()
}

// FD implements pmd.RxQueue: an eventfd.
func (q *rxQueue) FD() int { return q.reader.bell.FD() }

// Counters implements pmd.RxQueue.
func (q *rxQueue) Counters() *counter.Block { return q.counters }

// A txQueue gives frames to the writer.
type txQueue struct {
	pool     *frame.Pool
	cache    *frame.Cache
	writer   *writer // nil: no file
	longest  int     // bytes of the longest frame taken
	counters *counter.Block
	sent     bool // frames were pushed since the last Flush
}

// Send implements pmd.TxQueue.
func (q *txQueue) Send(b *frame.Batch) int {
	if q.writer == nil {
		q.counters.Add(txNoFile, uint64(b.Len()))
		q.cache.PutBatch(b)
		return 0
	}
	sent, size := 0, 0
	for _, f := range b.Frames() {
		total := q.pool.Total(f)
		switch {
		case total > q.longest:
			q.counters.Add(pmd.TxTooLong, 1)
			q.cache.Put(f)
		case !q.writer.frames.Push(f):
			q.counters.Add(pmd.TxFull, 1)
			q.cache.Put(f)
		default:
			sent++
			size += total
		}
	}
	b.Reset()
	q.counters.Add(pmd.TxPackets, uint64(sent))
	q.counters.Add(pmd.TxBytes, uint64(size))
	q.sent = q.sent || sent > 0
	return sent
}

// Flush implements pmd.TxQueue: it wakes the writer if that sleeps. Whether the bytes have reached
// the file only Close tells.
func (q *txQueue) Flush() (pending bool) {
	if q.sent {
		q.sent = false
		q.writer.bell.Ring()
	}
	return false
}

// Counters implements pmd.TxQueue.
func (q *txQueue) Counters() *counter.Block { return q.counters }
