package afpacket

import (
	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// rxBatch is the most packets of one Recv: one system call.
const rxBatch = 32

// An rxQueue receives from one socket. Message i is received into three places:
//
//	| virtio-net header | buffer of the arena | spill: the rest of a packet longer than a buffer |
//
// The spill is ordinary memory, used only by long packets and copied from into buffers. So that a
// queue can take 64 KiB packets without keeping the 40 buffers ready that each would need.
type rxQueue struct {
	port     *Port
	fd       int
	pool     *frame.Pool
	cache    *frame.Cache
	counters *counter.Block
	dry      bool // the last call found nothing more
	ready    int  // messages with an empty buffer: the last ones, used from the front
	buffers  [rxBatch]frame.Frame
	messages [rxBatch]message
	vectors  [rxBatch][3]unix.Iovec
	headers  [rxBatch][vnetSize]byte
	control  [rxBatch][auxRoom]byte
	spills   []byte // rxBatch times spill bytes; the kernel gives them pages as they are used
}

func newRxQueue(p *Port, fd int, c *frame.Cache) *rxQueue {
	q := &rxQueue{
		port: p, fd: fd, pool: c.Pool(), cache: c,
		counters: counter.NewBlock(rxCounters()),
		spills:   make([]byte, rxBatch*spill),
	}
	for i := range q.messages {
		v := &q.vectors[i]
		point(&v[0], q.headers[i][:])
		point(&v[2], q.spills[i*spill:(i+1)*spill])
		q.messages[i].setVector(v[:])
	}
	return q
}

// Recv implements pmd.RxQueue.
func (q *rxQueue) Recv(b *frame.Batch) int {
	q.fill()
	first := rxBatch - q.ready
	want := min(q.ready, b.Room())
	if want == 0 {
		q.dry = false
		return 0
	}
	ms := q.messages[first : first+want]
	n, errno := recvmmsg(q.fd, ms)
	q.dry = n < want
	if errno != 0 {
		q.refused(errno)
		return 0
	}
	got, size := 0, 0
	for i := first; i < first+n; i++ {
		if f, ok := q.take(i); ok {
			b.Append(f)
			got++
			size += q.pool.Total(f)
		}
	}
	q.ready -= n
	q.counters.Add(pmd.RxPackets, uint64(got))
	q.counters.Add(pmd.RxBytes, uint64(size))
	return got
}

// fill gives every message an empty buffer, as far as the arena has any.
func (q *rxQueue) fill() {
	for q.ready < rxBatch {
		f, ok := q.cache.Get()
		if !ok {
			return
		}
		q.ready++
		q.arm(rxBatch-q.ready, f)
	}
}

// arm makes message i receive into f.
func (q *rxQueue) arm(i int, f frame.Frame) {
	q.pool.SetLen(&f, q.pool.Room())
	q.buffers[i] = f
	point(&q.vectors[i][1], q.pool.Bytes(f))
	q.messages[i].setControl(q.control[i][:])
}

// take turns message i into a frame; ok is false when the packet was dropped.
func (q *rxQueue) take(i int) (f frame.Frame, ok bool) {
	m := &q.messages[i]
	size := int(m.size) - vnetSize
	o, need, valid := offload(&q.headers[i], size)
	switch {
	case m.hdr.Flags&unix.MSG_TRUNC != 0:
		return q.drop(i, rxTooLong)
	case size < ethernet:
		return q.drop(i, rxRunt)
	case !valid:
		return q.drop(i, rxBadOffload)
	}
	if f, ok = q.build(i, size); !ok {
		q.counters.Add(rxNoBuffer, 1)
		return f, false
	}
	if t, ok := tag(q.control[i][:m.hdr.Controllen]); ok {
		putTag(q.pool, &f, t, &o)
		q.counters.Add(rxTagRestored, 1)
	}
	if need {
		q.pool.Meta(f).Offload = o
		f.SetFlags(frame.HasOffload)
		q.countOffload(&o)
	}
	return f, true
}

// drop frees message i's buffer for the reason given.
func (q *rxQueue) drop(i, reason int) (frame.Frame, bool) {
	q.counters.Add(reason, 1)
	q.cache.Put(q.buffers[i])
	return frame.Frame{}, false
}

// build makes a packet of size bytes from message i's buffer and spill, which it frees when the arena
// has too few buffers for the rest.
func (q *rxQueue) build(i, size int) (frame.Frame, bool) {
	f, room := q.buffers[i], q.pool.Room()
	q.pool.SetLen(&f, min(size, room))
	if size <= room {
		return f, true
	}
	var ch frame.Chain
	ch.Append(q.pool, f)
	for rest := q.spills[i*spill:][:size-room]; len(rest) > 0; {
		g, ok := q.cache.Get()
		if !ok {
			q.cache.Put(ch.Frame(q.pool))
			return f, false
		}
		q.pool.SetLen(&g, min(len(rest), room))
		rest = rest[copy(q.pool.Bytes(g), rest):]
		ch.Append(q.pool, g) // at most 41 buffers
	}
	return ch.Frame(q.pool), true
}

func (q *rxQueue) countOffload(o *frame.Offload) {
	if o.Csum != 0 {
		q.counters.Add(rxPartial, 1)
	}
	if o.GSO != frame.GSONone {
		q.counters.Add(rxSegments, 1)
	}
}

func (q *rxQueue) refused(errno unix.Errno) {
	switch errno {
	case unix.EAGAIN, unix.EINTR:
	case unix.ENETDOWN: // said once when the device goes down; it may come up again
	default:
		q.counters.Add(rxErrors, 1)
	}
}

// Arm implements pmd.RxQueue. The descriptor is readable as long as there is a packet, armed or not;
// Arm only says that the last Recv did not read to the end.
func (q *rxQueue) Arm() (ready bool) { return !q.dry }

// FD implements pmd.RxQueue: the socket.
func (q *rxQueue) FD() int { return q.fd }

// Counters implements pmd.RxQueue.
func (q *rxQueue) Counters() *counter.Block { return q.counters }

// close frees the buffers that are ready.
func (q *rxQueue) close() {
	for _, f := range q.buffers[rxBatch-q.ready:] {
		q.cache.Put(f)
	}
	q.ready = 0
	q.cache.Close()
}

// point makes one element of a vector name b, which is not empty.
func point(iov *unix.Iovec, b []byte) {
	iov.Base = &b[0]
	iov.SetLen(len(b))
}
