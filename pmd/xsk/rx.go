package xsk

import (
	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// refillBatch is how many buffers must have come out of the fill ring before it is filled up again:
// one atomic store for as many packets.
const refillBatch = 32 // buffers

// A waker makes the system calls that move a socket: recvfrom and sendto. Once per batch at most.
type waker interface {
	wakeRx() unix.Errno
	wakeTx() unix.Errno
}

// rxQueue is the receiving half of a socket: its fill and its receive ring.
//
// The kernel holds at most as many buffers as the fill ring has slots, counting those that stand
// received in the receive ring. More would absorb no longer burst, since the receive ring has no more
// slots, and cost twice the memory. So a worker that does not keep up shows as xsk_rx_fill_ring_empty, and
// xsk_rx_ring_full stays 0.
type rxQueue struct {
	pool  *frame.Pool
	cache *frame.Cache
	shift uint8 // log2 of the buffer size: it saves two divisions a packet
	sock  waker
	fd    int

	fill  producer[uint64]
	rx    consumer[unix.XDPDesc]
	held  bitset // buffers with the kernel
	out   uint32 // how many those are
	chain frame.Chain
	skip  bool // the rest of a packet that was dropped is still to come

	busyPoll bool // the kernel receives only when called
	counters *counter.Block
}

var _ pmd.RxQueue = (*rxQueue)(nil)

// Recv implements pmd.RxQueue.
func (q *rxQueue) Recv(b *frame.Batch) int {
	n := q.rx.avail(uint32(b.Room()))
	if n == 0 && q.poke() {
		n = q.rx.avail(1)
	}
	if n == 0 {
		return 0
	}
	before := b.Len()
	var bytes uint64
	for ; n > 0 && b.Room() > 0; n-- {
		bytes += q.receive(b, q.rx.take())
	}
	q.rx.release()
	q.refill()
	if q.fill.needsWakeup() {
		q.wake()
	}

	got := b.Len() - before
	q.counters.Add(pmd.RxPackets, uint64(got))
	q.counters.Add(pmd.RxBytes, bytes)
	return got
}

// receive takes one descriptor from the kernel. When it ends a packet, the packet goes to b and its
// bytes are returned.
func (q *rxQueue) receive(b *frame.Batch, d unix.XDPDesc) uint64 {
	f, ok := q.claim(d)
	more := d.Options&unix.XDP_PKT_CONTD != 0
	switch {
	case q.skip:
		if ok {
			q.cache.Put(f)
		}
		q.skip = more
		return 0
	case !ok:
		q.abandon(rxBadDescriptor, more)
		return 0
	case !more && q.chain.Len() == 0:
		b.Append(f)
		return uint64(d.Len)
	case !q.chain.Append(q.pool, f):
		q.cache.Put(f)
		q.abandon(rxTooLong, more)
		return 0
	case more:
		return 0
	}
	f = q.chain.Frame(q.pool)
	b.Append(f)
	return uint64(q.pool.Total(f))
}

// claim takes the buffer of d back from the kernel. It reports false if d does not name data within
// one buffer that the kernel had; a buffer that was the kernel's is freed then.
func (q *rxQueue) claim(d unix.XDPDesc) (f frame.Frame, ok bool) {
	size := uint64(1) << q.shift
	buf := d.Addr >> q.shift
	if buf >= uint64(q.pool.Buffers()) || !q.held.has(uint32(buf)) {
		return frame.Frame{}, false
	}
	q.held.clear(uint32(buf))
	q.out--
	if d.Len == 0 || d.Addr&(size-1)+uint64(d.Len) > size {
		q.cache.Put(q.pool.At(uint32(buf)<<q.shift, 0))
		return frame.Frame{}, false
	}
	return q.pool.At(uint32(d.Addr), int(d.Len)), true
}

// abandon drops the packet begun and, if more of it is to come, what follows.
func (q *rxQueue) abandon(reason int, more bool) {
	q.counters.Add(reason, 1)
	if q.chain.Len() > 0 {
		q.cache.Put(q.chain.Frame(q.pool))
	}
	q.skip = more
}

// poke is called when the receive ring is empty: it fills up the fill ring and calls the kernel if
// that is what it waits for. It reports whether it did.
func (q *rxQueue) poke() bool {
	q.refill()
	if !q.busyPoll && !q.fill.needsWakeup() {
		return false
	}
	q.wake()
	return true
}

// wake lets the kernel receive now. What it could not do shows in the receive ring.
func (q *rxQueue) wake() {
	q.counters.Add(rxWakeup, 1)
	q.sock.wakeRx()
}

// refill gives the kernel as many buffers as it may hold.
func (q *rxQueue) refill() {
	want := q.fill.size() - q.out
	if want < refillBatch {
		return
	}
	want = min(want, q.fill.room(want))
	for range want {
		f, ok := q.cache.Get()
		if !ok {
			q.counters.Add(rxNoBuffer, 1)
			break
		}
		buf := q.pool.Buffer(f)
		q.held.set(buf)
		q.out++
		q.fill.put(uint64(buf) << q.shift)
	}
	q.fill.publish()
}

// Arm implements pmd.RxQueue. The kernel signals a socket whenever it receives; what Arm must see to
// is that it can. A queue almost without buffers counts as ready, so that its worker comes back to
// fill it: nobody would wake it.
func (q *rxQueue) Arm() (ready bool) {
	if q.rx.avail(1) == 0 {
		q.poke()
	}
	return q.rx.avail(1) > 0 || q.out < refillBatch
}

// FD implements pmd.RxQueue.
func (q *rxQueue) FD() int { return q.fd }

// Counters implements pmd.RxQueue.
func (q *rxQueue) Counters() *counter.Block { return q.counters }

// close frees every buffer that the kernel or the queue had. The socket must be closed.
func (q *rxQueue) close() {
	if q.chain.Len() > 0 {
		q.cache.Put(q.chain.Frame(q.pool))
	}
	q.held.drain(func(buf uint32) {
		q.cache.Put(q.pool.At(buf<<q.shift, 0))
	})
	q.out = 0
	q.fill, q.rx = producer[uint64]{}, consumer[unix.XDPDesc]{}
	q.cache.Close()
}
