package pcapport

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvertdev/culvert/pmd"
	"github.com/culvertdev/culvert/ring/frame"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestEveryFormatIsRead(t *testing.T) {
	want := packets(100, 60)
	for _, tc := range []struct {
		name string
		file []byte
	}{
		{"pcap with microseconds", pcapBytes(t, false, want)},
		{"pcap with nanoseconds", pcapBytes(t, true, want)},
		{"pcap of a big-endian machine", pcapBigEndian(want)},
		{"pcapng", pcapngBytes(t, want)},
		{"pcap in gzip", gzipped(t, pcapBytes(t, false, want))},
		{"pcapng in gzip", gzipped(t, pcapngBytes(t, want))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pool := newPool(t, 1024)
			p := openPort(t, Options{Pool: pool, In: writeFile(t, "in", tc.file)})
			wantPackets(t, forward(t, p, pool), want)
			if err := p.Err(); err != nil {
				t.Errorf("the end of the file stopped the port: %v", err)
			}
			p.rx.counters.Publish()
			p.tx.counters.Publish()
			wantSamples(t, p.Samples(nil), map[string]uint64{"pcap_read_packets": 100, "pcap_read_snapped": 0})
			wantSamples(t, p.rx.counters.Samples(nil), map[string]uint64{"rx_packets": 100, "rx_bytes": 100*60 + 99*100/2})
			wantSamples(t, p.tx.counters.Samples(nil), map[string]uint64{"tx_packets": 0, "tx_no_file": 100})
		})
	}
}

// TestRoundTripIsGolden sends a capture through the port and compares the file written byte by byte.
func TestRoundTripIsGolden(t *testing.T) {
	in, golden := filepath.Join("testdata", "sizes.in.pcap"), filepath.Join("testdata", "sizes.out.pcap")
	if *update {
		var ps []packet
		for i, size := range []int{0, 1, 13, 14, 60, 1514, 1664, 1665, 9018, 65535} {
			ps = append(ps, packet{bytes.Repeat([]byte{byte(i)}, size), time.Unix(1, int64(i)*1000)})
		}
		if err := os.WriteFile(in, pcapBytes(t, false, ps), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pool := newPool(t, 1024)
	out := filepath.Join(t.TempDir(), "out.pcap")
	now := time.Unix(1_700_000_000, 0)
	tick := func() time.Time { now = now.Add(time.Nanosecond); return now }
	p := openPort(t, Options{Pool: pool, In: in, Out: out, Clock: tick})
	forward(t, p, pool)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes written, want the %d of %s, or they differ", len(got), len(want), golden)
	}
	sent, first := readFile(t, out), readFile(t, in)
	var data [][]byte
	for _, s := range sent {
		data = append(data, s.data)
	}
	wantPackets(t, data, first)
}

func TestLoopReadsTheFileAgain(t *testing.T) {
	ps := packets(3, 60)
	in := writeFile(t, "in.pcap", pcapBytes(t, true, ps))
	pool := newPool(t, 1024)
	p := openPort(t, Options{Pool: pool, In: in, Loop: 5, RingSize: 2})
	var want []packet
	for range 5 {
		want = append(want, ps...)
	}
	wantPackets(t, forward(t, p, pool), want)

	t.Run("without end until the port is closed", func(t *testing.T) {
		p := openPort(t, Options{Pool: pool, In: in, Loop: -1})
		b := new(frame.Batch)
		for n := 0; n < 1000; {
			n += p.rx.Recv(b)
			p.tx.Send(b)
		}
		if p.Finished() {
			t.Error("finished")
		}
	})
	t.Run("but not when it is empty", func(t *testing.T) {
		empty := writeFile(t, "empty.pcap", pcapBytes(t, true, nil))
		p := openPort(t, Options{Pool: pool, In: empty, Loop: -1})
		wantPackets(t, forward(t, p, pool), nil)
	})
}

func TestCaptureTimingIsKept(t *testing.T) {
	const gap = 30 * time.Millisecond
	ps := packets(3, 60)
	for i := range ps {
		ps[i].at = time.Unix(1, int64(i)*int64(gap))
	}
	pool := newPool(t, 1024)
	began := time.Now()
	p := openPort(t, Options{Pool: pool, In: writeFile(t, "in.pcap", pcapBytes(t, true, ps)), Timing: true})
	wantPackets(t, forward(t, p, pool), ps)
	if took := time.Since(began); took < 2*gap {
		t.Errorf("three packets %v apart took %v", gap, took)
	}

	t.Run("and a long gap does not delay closing", func(t *testing.T) {
		ps[2].at = time.Unix(1e6, 0)
		p := openPort(t, Options{Pool: pool, In: writeFile(t, "in.pcap", pcapBytes(t, true, ps)), Timing: true})
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestReaderWaitsForBuffersAndRoom(t *testing.T) {
	want := packets(500, 60)
	pool := newPool(t, 1024)
	c, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	var taken frame.List
	for f, ok := c.Get(); ok; f, ok = c.Get() {
		taken.Push(pool, f)
	}
	p := openPort(t, Options{Pool: pool, In: writeFile(t, "in.pcap", pcapBytes(t, true, want)), RingSize: 16})
	for value(p.Samples(nil), "pcap_read_waits") < 3 {
		time.Sleep(100 * time.Microsecond)
	}
	for f, ok := taken.Pop(pool); ok; f, ok = taken.Pop(pool) {
		c.Put(f)
	}
	c.Close()
	wantPackets(t, forward(t, p, pool), want)
}

func TestArmedQueueIsWokenByTheReader(t *testing.T) {
	ps := packets(2, 60)
	ps[1].at = ps[0].at.Add(50 * time.Millisecond)
	pool := newPool(t, 1024)
	p := openPort(t, Options{Pool: pool, In: writeFile(t, "in.pcap", pcapBytes(t, true, ps)), Timing: true})
	b := new(frame.Batch)
	for n := 0; n < 2; {
		if got := p.rx.Recv(b); got > 0 {
			n += got
			p.tx.Send(b)
			continue
		}
		if p.rx.Arm() {
			continue
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(p.rx.FD()), Events: unix.POLLIN}}, 10_000)
		if err == nil && ready == 0 {
			t.Fatalf("asleep for 10 s after %d packets", n)
		}
	}
}

func TestWhatCannotBeSentIsFreedAndCounted(t *testing.T) {
	pool := newPool(t, 1024)
	p := openPort(t, Options{Pool: pool, Out: filepath.Join(t.TempDir(), "out.pcap"), MTU: 100})
	b := new(frame.Batch)
	for _, size := range []int{100 + tagRoom, 100 + tagRoom + 1} {
		f, _ := p.tx.cache.FromBytes(make([]byte, size))
		b.Append(f)
	}
	if n := p.tx.Send(b); n != 1 || b.Len() != 0 {
		t.Errorf("sent %d and left %d, want 1 and 0", n, b.Len())
	}
	p.tx.counters.Publish()
	wantSamples(t, p.tx.counters.Samples(nil), map[string]uint64{
		"tx_packets": 1, "tx_bytes": 100 + tagRoom, "tx_too_long": 1,
	})
	if !p.Finished() {
		t.Error("a port that reads no file is not finished")
	}
}

func TestFullDiskStopsThePort(t *testing.T) {
	if _, err := os.Stat("/dev/full"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no /dev/full")
	}
	pool := newPool(t, 1024)
	p, err := Open("pcap0", Options{Pool: pool, Out: "/dev/full"})
	if err == nil {
		p.Close()
		t.Fatal("the header was written to a full device")
	}
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "write /dev/full") {
		t.Errorf("error %v, want one that names the file and no space", err)
	}
}

func TestBrokenWriterFreesWhatComes(t *testing.T) {
	pool := newPool(t, 1024)
	p := openPort(t, Options{Pool: pool, Out: filepath.Join(t.TempDir(), "out.pcap")})
	if err := p.writer.file.Close(); err != nil { // under its feet
		t.Fatal(err)
	}
	b := new(frame.Batch)
	for range 200 { // beyond the writer's buffer
		f, ok := p.tx.cache.FromBytes(make([]byte, 4000))
		if !ok {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		b.Append(f)
		p.tx.Send(b)
		p.tx.Flush()
	}
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the port did not stop")
	}
	if err := p.Err(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("error %v, want %v", err, fs.ErrClosed)
	}
	p.writer.file = nil // closed above
}

func TestBadOptionsAreNamed(t *testing.T) {
	pool := newPool(t, 1024)
	in := writeFile(t, "in.pcap", pcapBytes(t, true, nil))
	d := New(pool, slog.New(slog.DiscardHandler))
	for _, tc := range []struct {
		options map[string]string
		want    string
	}{
		{nil, "want option in or out"},
		{map[string]string{"in": in, "out": in}, "it is the file to read"},
		{map[string]string{"in": in, "pace": "slow"}, `option pace: want one of none, capture, found "slow"`},
		{map[string]string{"in": in, "loop": "-1"}, "option loop"},
		{map[string]string{"in": in, "ring-size": "3"}, "ring size 3"},
		{map[string]string{"in": in + "x"}, "no such file"},
		{map[string]string{"out": "/nonexistent/x"}, "write /nonexistent/x: no such file"},
		{map[string]string{"file": in}, "option file: unknown"},
	} {
		p, err := d.Open(t.Context(), "p", tc.options)
		if err == nil || p != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: port %v, error %v, want %q", tc.options, p, err, tc.want)
		}
	}
	p, err := d.Open(t.Context(), "p", map[string]string{"in": in, "loop": "0", "mac": "02:00:00:00:00:01"})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Info(); got.MAC.String() != "02:00:00:00:00:01" || got.MTU != MaxMTU || got.Driver != DriverName {
		t.Errorf("info %+v", got)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestQueuesAllocateNothing(t *testing.T) {
	pool := newPool(t, 1024)
	p := openPort(t, Options{Pool: pool, In: writeFile(t, "in.pcap", pcapBytes(t, true, packets(5, 60))), Loop: -1})
	var rx pmd.RxQueue = p.RxQueues()[0]
	tx := p.TxQueues()[0]
	b := new(frame.Batch)
	if n := testing.AllocsPerRun(100, func() { rx.Recv(b); tx.Send(b); tx.Flush() }); n > 1 {
		// The reader goroutine runs meanwhile; its allocations, none per packet, count too.
		t.Errorf("%v allocations per batch", n)
	}
}
