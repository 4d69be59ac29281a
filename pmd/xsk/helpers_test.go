package xsk

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/culvertdev/culvert/pmd/xsk/xsktest"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"golang.org/x/sys/unix"
)

// A bench is a socket's two queues over rings whose other side is a [xsktest.Kernel].
type bench struct {
	t      testing.TB
	pool   *frame.Pool
	memory xsktest.Memory
	kernel *xsktest.Kernel
	rx     *rxQueue
	tx     *txQueue
	up     atomic.Bool
	batch  frame.Batch
	rxWake atomic.Int64      // calls
	txWake func() unix.Errno // what a kick does; nil: nothing
}

func (b *bench) wakeRx() unix.Errno { b.rxWake.Add(1); return 0 }

func (b *bench) wakeTx() unix.Errno {
	if b.txWake == nil {
		return 0
	}
	return b.txWake()
}

// newBench returns queues with rings of so many slots, the indices starting at start. The test ends
// with every buffer back in the pool.
func newBench(t testing.TB, buffers int, slots, start uint32) *bench {
	t.Helper()
	return benchOver(t, frame.Options{Buffers: buffers, Huge: frame.HugeNever, Audit: true}, slots, start)
}

// newQuietBench is for benchmarks: the rings of a real port, and no audit.
func newQuietBench(t testing.TB) *bench {
	return benchOver(t, frame.Options{Huge: frame.HugeNever}, defaultRing, 0)
}

func benchOver(t testing.TB, o frame.Options, slots, start uint32) *bench {
	t.Helper()
	pool, err := frame.NewPool(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, pool: pool, memory: xsktest.NewMemory(slots)}
	b.memory.Skip(start)
	b.kernel = xsktest.New(b.memory, pool.Memory(), pool.BufferSize(), frame.Headroom)
	b.up.Store(true)
	b.rx, b.tx, err = newQueues(pool, ringMemory{
		fill: b.memory.Fill, completion: b.memory.Completion, rx: b.memory.Rx, tx: b.memory.Tx,
		offsets: b.memory.Offsets, slots: slots,
	}, b, &b.up)
	if err != nil {
		t.Fatal(err)
	}
	b.tx.mtu, b.tx.segments = 9000, copySegments
	b.rx.refill()
	t.Cleanup(func() {
		b.rx.close()
		b.tx.close()
		if err := pool.Close(); err != nil {
			t.Errorf("close pool: %v", err)
		}
	})
	return b
}

// recv returns copies of the packets that one Recv gives, and frees them.
func (b *bench) recv() [][]byte {
	b.rx.Recv(&b.batch)
	var got [][]byte
	for _, f := range b.batch.Frames() {
		p := make([]byte, b.pool.Total(f))
		b.pool.CopyOut(f, p)
		got = append(got, p)
	}
	b.rx.cache.PutBatch(&b.batch)
	return got
}

// packet returns a frame of n bytes, in several buffers if it must.
func (b *bench) packet(n int, seq uint32) (f frame.Frame, want []byte) {
	b.t.Helper()
	want = pattern(n, seq)
	return b.split(want, b.pool.Room()), want
}

// split returns p as a frame with at most room bytes per buffer.
func (b *bench) split(p []byte, room int) frame.Frame {
	b.t.Helper()
	var c frame.Chain
	for first := true; first || len(p) > 0; first = false {
		f, ok := b.tx.cache.Get()
		if !ok {
			b.t.Fatal("arena exhausted")
		}
		n := min(len(p), room)
		b.pool.SetLen(&f, n)
		copy(b.pool.Bytes(f), p)
		p = p[n:]
		c.Append(b.pool, f)
	}
	return c.Frame(b.pool)
}

// send hands one frame to the transmit queue and reports whether it was accepted.
func (b *bench) send(f frame.Frame) bool {
	b.batch.Append(f)
	return b.tx.Send(&b.batch) == 1
}

func pattern(n int, seq uint32) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(uint32(i)*7 + seq*13)
	}
	return p
}

// value returns what a block has counted.
func value(c *counter.Block, i int) uint64 {
	c.Publish()
	return c.Value(i)
}

func equal(got [][]byte, want ...[]byte) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			return false
		}
	}
	return true
}
