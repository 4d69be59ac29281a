package afpacket

import (
	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// txVectors is the most pieces of one system call: every frame of a batch with its header, and the
// rest of the longest chain.
const txVectors = 2*frame.MaxBatch + frame.MaxChain

// A txQueue sends by one socket.
type txQueue struct {
	port     *Port
	fd       int
	pool     *frame.Pool
	cache    *frame.Cache
	longest  int // bytes of the longest frame taken that the kernel is not to cut
	counters *counter.Block
	headers  [frame.MaxBatch][vnetSize]byte // of each message's packet; read by the kernel only
	messages [frame.MaxBatch]message
	sizes    [frame.MaxBatch]int // bytes of each message's packet
	vectors  [txVectors]unix.Iovec
	n        int // messages built
	used     int // vectors used
}

func newTxQueue(p *Port, fd, mtu int, c *frame.Cache) *txQueue {
	return &txQueue{
		port: p, fd: fd, pool: c.Pool(), cache: c, longest: mtu + tagRoom,
		counters: counter.NewBlock(txCounters()),
	}
}

// Send implements pmd.TxQueue: the kernel has every packet, or has refused it, when it returns.
func (q *txQueue) Send(b *frame.Batch) int {
	accepted := 0
	for _, f := range b.Frames() {
		total := q.pool.Total(f)
		switch {
		case total < ethernet:
			q.counters.Add(txRunt, 1)
		case total > q.longest && !q.isCut(f):
			q.counters.Add(pmd.TxTooLong, 1)
		default:
			if q.used+2+f.More() > txVectors {
				accepted += q.push()
			}
			q.add(f, total)
		}
	}
	accepted += q.push()
	q.cache.PutBatch(b) // the kernel has copied what it took
	return accepted
}

// isCut reports whether f is left to the kernel to be cut into packets that are not too long.
func (q *txQueue) isCut(f frame.Frame) bool {
	return f.Flags()&frame.HasOffload != 0 && q.pool.Meta(f).Offload.GSO != frame.GSONone
}

// add builds the message for f, which stays the batch's.
func (q *txQueue) add(f frame.Frame, total int) {
	first, header := q.used, &q.headers[q.n]
	*header = [vnetSize]byte{} // the packet is complete as it is
	if f.Flags()&frame.HasOffload != 0 {
		q.leave(header, &q.pool.Meta(f).Offload)
	}
	point(&q.vectors[q.used], header[:])
	q.used++
	for ok := true; ok; f, ok = q.pool.Next(f) {
		if f.Len() > 0 {
			point(&q.vectors[q.used], q.pool.Bytes(f))
			q.used++
		}
	}
	q.messages[q.n].setVector(q.vectors[first:q.used])
	q.sizes[q.n] = total
	q.n++
}

// leave says in a packet's header what the kernel is to do, or the device for it.
func (q *txQueue) leave(header *[vnetSize]byte, o *frame.Offload) {
	putOffload(header, o)
	if o.Csum&frame.NeedsCsum != 0 {
		q.counters.Add(txPartial, 1)
	}
	if o.GSO != frame.GSONone {
		q.counters.Add(txSegments, 1)
	}
}

// push gives the messages built to the kernel and returns how many it took. A message that is refused
// for a reason of its own does not hold up those behind it.
func (q *txQueue) push() (accepted int) {
	size := 0
	for at := 0; at < q.n; {
		n, errno := sendmmsg(q.fd, q.messages[at:q.n])
		for i := at; i < at+n; i++ {
			size += q.sizes[i]
		}
		accepted += n
		at += n
		if errno != 0 {
			at += q.refused(errno, q.n-at)
		}
	}
	q.n, q.used = 0, 0
	q.counters.Add(pmd.TxPackets, uint64(accepted))
	q.counters.Add(pmd.TxBytes, uint64(size))
	return accepted
}

// refused counts what is dropped because the first of left messages was refused, and returns how many
// that are.
func (q *txQueue) refused(errno unix.Errno, left int) int {
	switch errno {
	case unix.EINTR:
		return 0
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		// The device's queue, or the socket's, is full, and so it is for the rest of the batch.
		q.counters.Add(pmd.TxFull, uint64(left))
		return left
	case unix.ENETDOWN, unix.ENXIO, unix.ENODEV:
		q.counters.Add(txDown, uint64(left))
		return left
	case unix.EMSGSIZE: // the kernel lets one tag exceed the MTU, not two
		q.counters.Add(pmd.TxTooLong, 1)
	default:
		q.counters.Add(txRefused, 1)
	}
	return 1
}

// Flush implements pmd.TxQueue: nothing waits.
func (q *txQueue) Flush() (pending bool) { return false }

// Counters implements pmd.TxQueue.
func (q *txQueue) Counters() *counter.Block { return q.counters }
