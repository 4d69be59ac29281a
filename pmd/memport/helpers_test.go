package memport

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// newPool returns a pool of n buffers that is checked for leaks when the test ends.
func newPool(t testing.TB, n int) *frame.Pool {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: n, Huge: frame.HugeNever, Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

// openPort opens a port that is closed, with its peer, when the test ends.
func openPort(t testing.TB, o Options) (*Port, *Peer) {
	t.Helper()
	p, err := Open("mem0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(t, p, p.Peer()) })
	return p, p.Peer()
}

// closeAll closes each end twice: Close is idempotent.
func closeAll(t testing.TB, ends ...interface{ Close() error }) {
	t.Helper()
	for _, e := range ends {
		if err := errors.Join(e.Close(), e.Close()); err != nil {
			t.Error(err)
		}
	}
}

// wantCounters compares counters by name, published first: the test is the queue's owner.
func wantCounters(t testing.TB, q interface{ Counters() *counter.Block }, want map[string]uint64) {
	t.Helper()
	q.Counters().Publish()
	got := make(map[string]uint64)
	for _, s := range q.Counters().Samples(nil) {
		got[s.Name] = s.Value
	}
	for name, n := range want {
		if v, ok := got[name]; !ok || v != n {
			t.Errorf("%s is %d (known: %v), want %d", name, v, ok, n)
		}
	}
}

// readable reports whether fd polls readable now.
func readable(t testing.TB, fd int) bool {
	t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}

// fill puts n packets of 64 bytes in b.
func fill(t testing.TB, pool *frame.Pool, b *frame.Batch, n int) {
	t.Helper()
	c, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range n {
		f, ok := c.FromBytes(make([]byte, 64))
		if !ok {
			t.Fatal("no buffers")
		}
		b.Append(f)
	}
}
