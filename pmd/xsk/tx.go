package xsk

import (
	"sync/atomic"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

const (
	ethernetHeader = 14 // bytes, IEEE 802.3 without the frame check sequence
	vlanTag        = 4  // bytes, IEEE 802.1Q

	// The most buffers the kernel takes for one packet. Copying: MAX_SKB_FRAGS (linux
	// include/linux/skbuff.h, default of CONFIG_MAX_SKB_FRAGS). Zero-copy: what the drivers say, 8 at
	// least (I40E_MAX_BUFFER_TXD, ICE_MAX_BUF_TXD).
	copySegments     = 17
	zeroCopySegments = 8
)

// txQueue is the transmitting half of a socket: its transmit and its completion ring.
type txQueue struct {
	pool  *frame.Pool
	cache *frame.Cache
	shift uint8 // log2 of the buffer size
	sock  waker
	up    *atomic.Bool // the port's carrier

	tx         producer[unix.XDPDesc]
	completion consumer[uint64]
	held       bitset // buffers with the kernel
	out        uint32 // how many those are

	mtu      int  // bytes, layer 3
	segments int  // most buffers for one packet
	wakeup   bool // the kernel says when it wants a call; otherwise it always does
	counters *counter.Block
}

var _ pmd.TxQueue = (*txQueue)(nil)

// Send implements pmd.TxQueue. Nothing is copied: the descriptors name the frames' own bytes. What
// [frame.Offload] asks for is the sender's to do before: the device takes packets as they are.
func (q *txQueue) Send(b *frame.Batch) int {
	if !q.up.Load() {
		q.counters.Add(txLinkDown, uint64(b.Len()))
		q.cache.PutBatch(b)
		return 0
	}
	var sent, bytes uint64
	for _, f := range b.Frames() {
		total := q.pool.Total(f)
		if reason := q.refuse(f, total); reason != 0 {
			q.counters.Add(reason, 1)
			q.cache.Put(f)
			continue
		}
		q.enqueue(f)
		sent++
		bytes += uint64(total)
	}
	b.Reset()
	q.counters.Add(pmd.TxPackets, sent)
	q.counters.Add(pmd.TxBytes, bytes)
	return int(sent)
}

// refuse returns the counter of the reason not to send f, or 0. The kernel would skip a descriptor it
// finds invalid without giving the buffer back, so none may get there.
func (q *txQueue) refuse(f frame.Frame, total int) int {
	need := uint32(1 + f.More())
	switch {
	case total > q.mtu+ethernetHeader && total > q.mtu+headerLen(q.pool.Bytes(f)):
		return pmd.TxTooLong
	case f.Len() < ethernetHeader, f.More() > 0 && q.hollow(f):
		return txTooShort
	case int(need) > q.segments:
		return txFragmented
	case q.tx.room(need) < need:
		return pmd.TxFull
	}
	return 0
}

// hollow reports whether a buffer of f holds no data.
func (q *txQueue) hollow(f frame.Frame) bool {
	for ok := true; ok; f, ok = q.pool.Next(f) {
		if f.Len() == 0 {
			return true
		}
	}
	return false
}

// headerLen returns the bytes of the Ethernet header with up to two VLAN tags, which do not count
// against the MTU.
func headerLen(p []byte) int {
	n := ethernetHeader
	for n+vlanTag <= len(p) && n < ethernetHeader+2*vlanTag {
		if t := uint16(p[n-2])<<8 | uint16(p[n-1]); t != unix.ETH_P_8021Q && t != unix.ETH_P_8021AD {
			break
		}
		n += vlanTag
	}
	return n
}

// enqueue writes one descriptor per buffer of f, for which there is room.
func (q *txQueue) enqueue(f frame.Frame) {
	for {
		next, more := q.pool.Next(f)
		d := unix.XDPDesc{Addr: uint64(f.Off()), Len: uint32(f.Len())}
		if more {
			d.Options = unix.XDP_PKT_CONTD
		}
		q.held.set(q.pool.Buffer(f))
		q.out++
		q.tx.put(d)
		if !more {
			return
		}
		f = next
	}
}

// Flush implements pmd.TxQueue. It reports frames that the kernel has not taken yet, not those it
// has taken and not given back: a receiver may sit on those for ever, and nobody waits for them.
func (q *txQueue) Flush() (pending bool) {
	q.reclaim()
	q.tx.publish()
	for left := q.tx.unsent(); left > 0; {
		if q.wakeup && !q.tx.needsWakeup() {
			return true // the driver is at it; if it stops half-way it will want a call
		}
		switch err := q.kick(); err {
		case 0:
			return q.tx.unsent() > 0
		case unix.EAGAIN:
			// Copying, the kernel takes so many per call (XDP_MAX_TX_SKB_BUDGET): on, as long as some go.
			was := left
			if left = q.tx.unsent(); left < was {
				continue
			}
			return true
		case unix.EBUSY, unix.ENOBUFS, unix.EINTR:
			return true
		default:
			// ENETDOWN, or ENXIO when the device is gone: the frames stay until it is up or closed.
			q.counters.Add(txKickError, 1)
			return false
		}
	}
	return false
}

func (q *txQueue) kick() unix.Errno {
	q.counters.Add(txKick, 1)
	err := q.sock.wakeTx()
	if err == unix.EAGAIN || err == unix.EBUSY || err == unix.ENOBUFS {
		q.counters.Add(txKickAgain, 1)
	}
	return err
}

// reclaim frees the buffers that the kernel has sent.
func (q *txQueue) reclaim() {
	n := q.completion.avail(q.completion.size())
	for range n {
		buf := q.completion.take() >> q.shift
		if buf >= uint64(q.pool.Buffers()) || !q.held.has(uint32(buf)) {
			q.counters.Add(txBadCompletion, 1)
			continue
		}
		q.held.clear(uint32(buf))
		q.out--
		q.cache.Put(q.pool.At(uint32(buf)<<q.shift, 0))
	}
	q.completion.release()
}

// inFlight returns how many buffers the kernel has taken from the ring and not given back.
func (q *txQueue) inFlight() uint32 { return q.out - q.tx.unsent() }

// Counters implements pmd.TxQueue.
func (q *txQueue) Counters() *counter.Block { return q.counters }

// close frees every buffer that the kernel or the queue had. The socket must be closed.
func (q *txQueue) close() {
	q.held.drain(func(buf uint32) {
		q.cache.Put(q.pool.At(buf<<q.shift, 0))
	})
	q.out = 0
	q.tx, q.completion = producer[unix.XDPDesc]{}, consumer[uint64]{}
	q.cache.Close()
}
