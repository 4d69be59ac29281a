package tap

import (
	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// An rxQueue reads packets from one of the device's queues.
type rxQueue struct {
	port     *Port
	fd       int
	vector   vector
	counters *counter.Block
	dry      bool // the last read found nothing
}

// Recv implements pmd.RxQueue: it reads at most maxReads packets.
func (q *rxQueue) Recv(b *frame.Batch) int {
	n, size := 0, 0
	for range min(b.Room(), maxReads) {
		if !q.vector.fill() {
			q.counters.Add(rxNoBuffer, 1)
			break
		}
		got, errno := readv(q.fd, q.vector.iov)
		if q.dry = errno == unix.EAGAIN; q.dry {
			break
		}
		if errno != 0 || got <= 0 {
			q.refused(errno)
			break
		}
		b.Append(q.vector.packet(got))
		n++
		size += got
	}
	if n > 0 {
		q.counters.Add(pmd.RxPackets, uint64(n))
		q.counters.Add(pmd.RxBytes, uint64(size))
	}
	return n
}

func (q *rxQueue) refused(errno unix.Errno) {
	switch errno {
	case unix.EINTR:
	case unix.EBADFD: // drivers/net/tun.c: the device was deleted
		q.dry = true
		q.port.gone()
	default:
		q.dry = true
		q.counters.Add(rxErrors, 1)
	}
}

// Arm implements pmd.RxQueue. The descriptor is readable as long as there is a packet, armed or not;
// Arm only says that the last Recv did not read to the end.
func (q *rxQueue) Arm() (ready bool) { return !q.dry }

// FD implements pmd.RxQueue.
func (q *rxQueue) FD() int { return q.fd }

// Counters implements pmd.RxQueue.
func (q *rxQueue) Counters() *counter.Block { return q.counters }

// A txQueue writes packets to one of the device's queues.
type txQueue struct {
	port     *Port
	fd       int
	pool     *frame.Pool
	cache    *frame.Cache
	longest  int // bytes of the longest frame taken
	iov      [frame.MaxChain]unix.Iovec
	counters *counter.Block
}

// Send implements pmd.TxQueue: the kernel has every packet, or has refused it, when it returns.
func (q *txQueue) Send(b *frame.Batch) int {
	n, size := 0, 0
	for _, f := range b.Frames() {
		total := q.pool.Total(f)
		switch {
		case total < ethernet:
			q.counters.Add(txRunt, 1)
		case total > q.longest:
			q.counters.Add(pmd.TxTooLong, 1)
		default:
			if errno := q.write(f); errno != 0 {
				q.refused(errno)
				break
			}
			n++
			size += total
		}
		q.cache.Put(f)
	}
	b.Reset()
	q.counters.Add(pmd.TxPackets, uint64(n))
	q.counters.Add(pmd.TxBytes, uint64(size))
	return n
}

// write gives the kernel a copy of f.
func (q *txQueue) write(f frame.Frame) unix.Errno {
	n := 0
	for ok := true; ok; f, ok = q.pool.Next(f) {
		if f.Len() == 0 {
			continue
		}
		point(&q.iov[n], q.pool.Bytes(f))
		n++
	}
	for {
		if errno := writev(q.fd, q.iov[:n]); errno != unix.EINTR {
			return errno
		}
	}
}

// refused counts a packet that was not taken.
func (q *txQueue) refused(errno unix.Errno) {
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		q.counters.Add(pmd.TxFull, 1)
	case unix.EIO: // drivers/net/tun.c: the device is down
		q.counters.Add(txDown, 1)
	case unix.EBADFD: // the device was deleted
		q.counters.Add(txDown, 1)
		q.port.gone()
	default:
		q.counters.Add(txRefused, 1)
	}
}

// Flush implements pmd.TxQueue: nothing waits.
func (q *txQueue) Flush() (pending bool) { return false }

// Counters implements pmd.TxQueue.
func (q *txQueue) Counters() *counter.Block { return q.counters }
