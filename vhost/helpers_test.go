package vhost

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/pmd/cpu"
	"github.com/culvertdev/culvert/ring/frame"
)

// A bench is a port with a guest in front of it. The test is its worker.
type bench struct {
	t    testing.TB
	g    *guest
	p    *Port
	pool *frame.Pool
	tx   *frame.Cache
	log  *logbook
	b    frame.Batch
	got  uint64 // packets received
}

// testClock is made once: a clock takes 10 ms.
var testClock = sync.OnceValue(cpu.NewClock)

// newBench opens a port for a guest of the shape given, which is not connected yet.
func newBench(t testing.TB, s shape, change func(*Options)) *bench {
	t.Helper()
	leaks(t)
	b := &bench{t: t, log: new(logbook)}
	_, measures := t.(*testing.B)
	pool, err := frame.NewPool(frame.Options{Buffers: 2048, Huge: frame.HugeNever, Audit: !measures})
	if err != nil {
		t.Fatal(err)
	}
	b.pool = pool
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	b.g = newGuest(t, s)
	o := Options{
		Pool: pool, Path: b.g.path, Server: s.server, Queues: max(1, s.pairs), Clock: testClock(), Gather: -1, retry: 5 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	if b.p, err = Open("p1", o); err != nil {
		t.Fatal(err)
	}
	if b.tx, err = pool.NewCache(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.tx.Close()
		if err := b.p.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// connected is newBench with the guest's network up.
func connected(t testing.TB, s shape) *bench {
	t.Helper()
	b := newBench(t, s, nil)
	b.g.connect()
	b.up()
	return b
}

// up waits for the link.
func (b *bench) up() {
	b.t.Helper()
	eventually(b.t, "the link is up", func() bool {
		// Behind an IOMMU rings start when their own addresses have been asked for.
		return b.p.LinkUp() && (b.g.iommu == nil || strings.HasPrefix(b.note("rings").Value, fmt.Sprintf("%d,", len(b.g.rings))))
	})
}

// down waits for the link to go.
func (b *bench) down() {
	b.t.Helper()
	eventually(b.t, "the link is down", func() bool { return !b.p.LinkUp() })
}

// recv polls a queue until it has given n packets.
func (b *bench) recv(queue, n int) (out [][]byte) {
	b.t.Helper()
	eventually(b.t, "packets come in", func() bool {
		for b.p.rx[queue].Recv(&b.b) > 0 {
			b.got += uint64(b.b.Len())
			for _, f := range b.b.Frames() {
				out = append(out, b.pool.AppendTo(nil, f))
			}
			b.tx.PutBatch(&b.b)
		}
		return len(out) >= n
	})
	return out
}

// recvFrames is recv for one packet, of which the frame is wanted.
func (b *bench) recvFrame(queue int) frame.Frame {
	b.t.Helper()
	eventually(b.t, "a packet comes in", func() bool { return b.p.rx[queue].Recv(&b.b) > 0 })
	f := b.b.Frames()[0]
	b.b.Reset()
	return f
}

// poll is one look of the worker at a queue, where nothing may come.
func (b *bench) poll(queue int) int {
	n := b.p.rx[queue].Recv(&b.b)
	b.got += uint64(n)
	b.tx.PutBatch(&b.b)
	return n
}

// send gives packets to a transmit queue and returns how many it took.
func (b *bench) send(queue int, packets ...[]byte) (n int) {
	b.t.Helper()
	q := b.p.tx[queue]
	for _, p := range packets {
		f, ok := b.tx.FromBytes(p)
		if !ok {
			b.t.Fatal("the arena is exhausted")
		}
		b.b.Append(f)
		if b.b.Room() == 0 {
			n += q.Send(&b.b)
		}
	}
	n += q.Send(&b.b)
	q.Flush()
	return n
}

// count returns a counter of the port by its name.
func (b *bench) count(name string) uint64 {
	b.t.Helper()
	for _, q := range b.p.rx {
		q.counters.Publish()
	}
	for _, q := range b.p.tx {
		q.counters.Publish()
	}
	samples := b.p.Samples(nil)
	for _, q := range b.p.rx {
		samples = q.counters.Samples(samples)
	}
	for _, q := range b.p.tx {
		samples = q.counters.Samples(samples)
	}
	sum := uint64(0)
	for _, s := range samples {
		if s.Name == name {
			sum += s.Value
		}
	}
	return sum
}

// want reports a counter that has another value.
func (b *bench) want(name string, n uint64) {
	b.t.Helper()
	if got := b.count(name); got != n {
		b.t.Errorf("%s is %d, want %d", name, got, n)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func same(t testing.TB, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d packets, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("packet %d differs: %d bytes, want %d", i, len(got[i]), len(want[i]))
		}
	}
}

// leaks reports descriptors and mappings that a test leaves behind.
func leaks(t testing.TB) {
	t.Helper()
	testClock()
	fds, maps := openFiles(t), guestMaps(t)
	t.Cleanup(func() {
		eventually(t, "all descriptors are closed", func() bool { return len(openFiles(t)) <= len(fds) })
		if now := guestMaps(t); now > maps {
			t.Errorf("%d mappings of guest memory are left", now-maps)
		}
	})
}

func openFiles(t testing.TB) []os.DirEntry {
	t.Helper()
	e, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// guestMaps counts the mappings of files that tests make guests, logs and such of.
func guestMaps(t testing.TB) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "/memfd:guest") + strings.Count(string(b), "/memfd:culvert-inflight")
}

// A logbook is a log that tests look into.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), text)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var _ = pmd.RxCommon
