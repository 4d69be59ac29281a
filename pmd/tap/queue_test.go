package tap

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
)

// newPool returns a pool that is checked for leaks when the test ends.
func newPool(t testing.TB) *frame.Pool {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 4096, Huge: frame.HugeNever, Audit: true})
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

// newQueues returns queues whose device is one end of a pair of datagram sockets, which keep packets
// apart as a TAP device does, and the other end.
func newQueues(t *testing.T, pool *frame.Pool, mtu int) (rx *rxQueue, tx *txQueue, host int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var caches [2]*frame.Cache
	for i := range caches {
		if caches[i], err = pool.NewCache(); err != nil {
			t.Fatal(err)
		}
	}
	rx = &rxQueue{fd: fds[0], vector: newVector(caches[0], mtu+tagRoom), counters: counter.NewBlock(rxCounters())}
	tx = &txQueue{fd: fds[0], pool: pool, cache: caches[1], longest: mtu + tagRoom, counters: counter.NewBlock(txCounters())}
	t.Cleanup(func() {
		rx.vector.close()
		tx.cache.Close()
		if err := detach(fds[:]); err != nil {
			t.Error(err)
		}
	})
	return rx, tx, fds[1]
}

func TestPacketsOfEveryLengthPass(t *testing.T) {
	pool := newPool(t)
	rx, tx, host := newQueues(t, pool, 9000)
	var b frame.Batch
	buf := make([]byte, 16384)
	for _, size := range []int{14, 60, 1514, pool.Room() - 1, pool.Room(), pool.Room() + 1, 9000 + tagRoom} {
		want := bytes.Repeat([]byte{byte(size)}, size)
		if _, err := unix.Write(host, want); err != nil {
			t.Fatal(err)
		}
		if n := rx.Recv(&b); n != 1 || pool.Total(b.Frames()[0]) != size {
			t.Fatalf("%d bytes: received %d packets, want 1 of that length", size, n)
		}
		if rx.Arm() {
			t.Errorf("%d bytes: ready after the queue was read to the end", size)
		}
		if n := tx.Send(&b); n != 1 || b.Len() != 0 {
			t.Fatalf("%d bytes: sent %d packets and left %d, want 1 and 0", size, n, b.Len())
		}
		n, err := unix.Read(host, buf)
		if err != nil || !bytes.Equal(buf[:n], want) {
			t.Errorf("%d bytes: %d came back, error %v, or they differ", size, n, err)
		}
	}
}

func TestRecvIsBounded(t *testing.T) {
	rx, tx, host := newQueues(t, newPool(t), 1500)
	for range maxReads + 1 {
		if _, err := unix.Write(host, make([]byte, 60)); err != nil {
			t.Fatal(err)
		}
	}
	var b frame.Batch
	if n := rx.Recv(&b); n != maxReads || !rx.Arm() {
		t.Errorf("received %d packets, ready for more %v, want %d and true", n, rx.Arm(), maxReads)
	}
	if n := rx.Recv(&b); n != 1 || rx.Arm() {
		t.Errorf("received %d packets, ready for more %v, want 1 and false", n, rx.Arm())
	}
	tx.cache.PutBatch(&b)
}

func TestEmptyArenaLeavesPacketsInTheDevice(t *testing.T) {
	pool := newPool(t)
	rx, tx, host := newQueues(t, pool, 1500)
	var taken frame.List
	for f, ok := tx.cache.Get(); ok; f, ok = tx.cache.Get() {
		taken.Push(pool, f)
	}
	if _, err := unix.Write(host, make([]byte, 60)); err != nil {
		t.Fatal(err)
	}
	var b frame.Batch
	if n := rx.Recv(&b); n != 0 {
		t.Errorf("received %d packets without a buffer", n)
	}
	for f, ok := taken.Pop(pool); ok; f, ok = taken.Pop(pool) {
		tx.cache.Put(f)
	}
	if n := rx.Recv(&b); n != 1 {
		t.Errorf("received %d packets, want the one that waited", n)
	}
	tx.cache.PutBatch(&b)
	rx.counters.Publish()
	if got := rx.counters.Value(rxNoBuffer); got != 1 {
		t.Errorf("rx_no_buffer is %d, want 1", got)
	}
}

func TestFullDeviceDropsAndCounts(t *testing.T) {
	pool := newPool(t)
	_, tx, _ := newQueues(t, pool, 1500)
	var b frame.Batch
	sent := 0
	for range 100 { // more than a socket takes
		tx.cache.Fill(&b, frame.MaxBatch)
		for i := range b.Frames() {
			pool.SetLen(&b.Frames()[i], 1500)
		}
		sent += tx.Send(&b)
	}
	tx.counters.Publish()
	packets, full := tx.counters.Value(pmd.TxPackets), tx.counters.Value(pmd.TxFull)
	if packets != uint64(sent) || full != uint64(100*frame.MaxBatch-sent) || full == 0 {
		t.Errorf("counted %d sent and %d dropped of %d, Send accepted %d", packets, full, 100*frame.MaxBatch, sent)
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	d := New(newPool(t), slog.New(slog.DiscardHandler))
	for _, tc := range []struct {
		options map[string]string
		want    string
	}{
		{map[string]string{"queues": "257"}, "option queues: want a whole number from 1 to 256"},
		{map[string]string{"mtu": "65522"}, "option mtu"},
		{map[string]string{"mac": "ff:ff:ff:ff:ff:ff"}, "option mac: want a unicast"},
		{map[string]string{"address": "192.0.2.1"}, "option address: want an address with its prefix length"},
		{map[string]string{"vnet": "1"}, "option vnet: unknown"},
		{map[string]string{"device": "a-name-that-is-too-long"}, "at most 15"},
	} {
		p, err := d.Open(t.Context(), "tap0", tc.options)
		if err == nil || p != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: port %v, error %v, want %q", tc.options, p, err, tc.want)
		}
	}
}
