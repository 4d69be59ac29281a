package frontend

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/culvertdev/culvert/ring/counter"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/culvertdev/culvert/vhost/nethdr"
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

// openPort opens a port that listens, and is closed twice when the test ends.
func openPort(t testing.TB, o Options) *Port {
	t.Helper()
	if o.Pool == nil {
		o.Pool = newPool(t, 1024)
	}
	if o.Path == "" {
		o.Path = socketPath(t)
	}
	if o.RingSize == 0 {
		o.RingSize = 64
	}
	if testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	p, err := Open("guest", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// linked waits until the port has a link, or has none.
func linked(t testing.TB, p *Port, want bool) {
	t.Helper()
	eventually(t, func() bool { return p.LinkUp() == want }, "link is %v, want %v; %+v", p.LinkUp(), want, p.State())
}

// eventually waits until ok, at most 30 s.
func eventually(t testing.TB, ok func() bool, format string, args ...any) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatalf(format, args...)
		}
	}
}

// poll has the port post its buffers and returns what it has received, as bytes.
func poll(t testing.TB, p *Port, pair int) (packets [][]byte) {
	t.Helper()
	c, err := p.o.Pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var b frame.Batch
	for p.rx[pair].Recv(&b) > 0 {
		for _, f := range b.Frames() {
			packets = append(packets, p.o.Pool.AppendTo(nil, f))
		}
		c.PutBatch(&b)
	}
	return packets
}

// send sends packets and returns how many were accepted.
func send(t testing.TB, p *Port, pair int, packets ...[]byte) (n int) {
	t.Helper()
	c, err := p.o.Pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var b frame.Batch
	for len(packets) > 0 {
		for len(packets) > 0 && b.Room() > 0 {
			f, ok := c.FromBytes(packets[0])
			if !ok {
				t.Fatal("no buffers")
			}
			b.Append(f)
			packets = packets[1:]
		}
		n += p.tx[pair].Send(&b)
		p.tx[pair].Flush()
	}
	return n
}

// packet returns a packet of size bytes that says its number.
func packet(number uint32, size int) []byte {
	p := make([]byte, max(size, ethernet))
	binary.BigEndian.PutUint32(p, number)
	for i := ethernet; i < len(p); i++ {
		p[i] = byte(int(number) + i)
	}
	return p
}

// headed returns a packet with the header of one that is complete, in so many buffers.
func headed(p []byte, buffers uint16) []byte {
	var h [nethdr.Size]byte
	nethdr.Put(&h, nil, buffers)
	return append(h[:], p...)
}

// wantPackets compares packets; those of got may have a header.
func wantPackets(t testing.TB, got, want [][]byte, header int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d packets, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i][header:], want[i]) {
			t.Fatalf("packet %d of %d bytes is another, of %d", i, len(want[i]), len(got[i])-header)
		}
	}
}

// value returns the counter of that name, of a queue or of the port.
func value(t testing.TB, of any, name string) uint64 {
	t.Helper()
	var samples []counter.Sample
	switch q := of.(type) {
	case *Port:
		samples = q.Samples(nil)
	case interface{ Counters() *counter.Block }:
		q.Counters().Publish()
		samples = q.Counters().Samples(nil)
	}
	for _, s := range samples {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("there is no counter %s", name)
	return 0
}
