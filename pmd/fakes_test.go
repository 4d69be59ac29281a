package pmd

import (
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// A fakeQueue is a receive queue whose other side is the test: put.
type fakeQueue struct {
	ring  *ring.SPSC[frame.Frame]
	armed atomic.Bool
	fd    int // -1: none
	count *counter.Block
	drain [8]byte
	next  uint64 // of the test's side: number of the next frame
	mark  byte   // tells queues apart in frames
}

// newFakeQueue makes a queue; with bell it has a descriptor.
func newFakeQueue(t testing.TB, mark byte, bell bool) *fakeQueue {
	t.Helper()
	q := &fakeQueue{ring: ring.NewSPSC[frame.Frame](1024), fd: -1, count: counter.NewBlock(RxCounters()), mark: mark}
	if bell {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			t.Fatal(err)
		}
		q.fd = fd
		t.Cleanup(func() { unix.Close(fd) })
	}
	return q
}

func (q *fakeQueue) Recv(b *frame.Batch) int {
	if q.armed.Load() || q.fd >= 0 && q.ring.Empty() {
		q.armed.Store(false)
	}
	n := 0
	for b.Room() > 0 {
		f, ok := q.ring.Pop()
		if !ok {
			break
		}
		b.Append(f)
		n++
	}
	q.count.Add(RxPackets, uint64(n))
	return n
}

// Arm empties the bell before it looks: a signal that comes after belongs to this arming.
func (q *fakeQueue) Arm() bool {
	if q.fd >= 0 {
		unix.Read(q.fd, q.drain[:])
	}
	q.armed.Store(true)
	return !q.ring.Empty()
}

func (q *fakeQueue) FD() int                  { return q.fd }
func (q *fakeQueue) Counters() *counter.Block { return q.count }

// put sends one frame; false when there is no room. The frame says which queue it went through and
// its number.
func (q *fakeQueue) put(p *frame.Pool, c *frame.Cache) bool {
	f, ok := c.Get()
	if !ok {
		return false
	}
	p.SetLen(&f, 16)
	binary.BigEndian.PutUint64(p.Bytes(f), uint64(q.mark))
	binary.BigEndian.PutUint64(p.Bytes(f)[8:], q.next)
	if !q.ring.Push(f) {
		c.Put(f)
		return false
	}
	q.next++
	q.ringBell()
	return true
}

func (q *fakeQueue) ringBell() {
	if q.fd >= 0 && q.armed.CompareAndSwap(true, false) {
		one := [8]byte{1}
		unix.Write(q.fd, one[:])
	}
}

// A sink is a Processor that checks order and frees.
type sink struct {
	t      testing.TB
	pool   *frame.Pool
	cache  *frame.Cache
	next   *[256]atomic.Uint64 // per queue mark: number expected next; shared by the sinks of a group
	at     atomic.Int64        // ns, when Process ran last
	got    atomic.Int64
	parked atomic.Bool
	todo   atomic.Int64 // what Flush reports once
	flush  atomic.Int64 // calls of Flush
}

func newSink(t testing.TB, pool *frame.Pool) *sink {
	t.Helper()
	return &sink{t: t, pool: pool, cache: newCache(t, pool), next: new([256]atomic.Uint64)}
}

func (s *sink) Process(port uint32, b *frame.Batch) {
	if s.parked.Load() {
		s.t.Error("Process while parked")
	}
	for _, f := range b.Frames() {
		data := s.pool.Bytes(f)
		mark := binary.BigEndian.Uint64(data)
		n := binary.BigEndian.Uint64(data[8:])
		if want := s.next[mark].Load(); n != want {
			s.t.Errorf("port %d queue %d: got frame %d, want %d", port, mark, n, want)
		}
		s.next[mark].Store(n + 1)
	}
	s.at.Store(testClock.Now())
	s.got.Add(int64(b.Len()))
	s.cache.PutBatch(b)
}

func (s *sink) Flush(int64) int {
	s.flush.Add(1)
	return int(s.todo.Swap(0))
}

func (s *sink) Park() bool {
	if s.todo.Load() > 0 {
		return true
	}
	s.parked.Store(true)
	return false
}

func (s *sink) Resume() { s.parked.Store(false) }

// newPool returns a pool that is checked for leaks when the test ends.
func newPool(t testing.TB) *frame.Pool {
	t.Helper()
	p, err := frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// newCache returns a cache that is closed when the test ends.
func newCache(t testing.TB, p *frame.Pool) *frame.Cache {
	t.Helper()
	c, err := p.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

var testClock = cpu.NewClock()

// newTestWorker returns a stopped worker that stops when the test ends.
func newTestWorker(t testing.TB, latency time.Duration, p Processor) *Worker {
	t.Helper()
	w := NewWorker(WorkerConfig{CPU: -1, Latency: latency, Clock: testClock}, p)
	t.Cleanup(w.Stop)
	return w
}

// eventually waits until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// An endless queue always has a full batch, of the same frames.
type endless struct {
	frames []frame.Frame
	count  *counter.Block
}

func (q *endless) Recv(b *frame.Batch) int {
	for _, f := range q.frames {
		b.Append(f)
	}
	return len(q.frames)
}

func (q *endless) Arm() bool { return true }

func (q *endless) FD() int { return -1 }

func (q *endless) Counters() *counter.Block { return q.count }

// A dropper is a Processor that forgets frames, for frames that are nobody's.
type dropper struct{ batches int }

func (d *dropper) Process(_ uint32, b *frame.Batch) { d.batches++; b.Reset() }

func (d *dropper) Flush(int64) int { return 0 }

func (d *dropper) Park() bool { return false }

func (d *dropper) Resume() {}
