package pcapport

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

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

// openPort opens a port that is closed, twice, when the test ends.
func openPort(t testing.TB, o Options) *Port {
	t.Helper()
	p, err := Open("pcap0", o)
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

// A packet is what a test puts into a capture and expects to find in one.
type packet struct {
	data []byte
	at   time.Time
}

// packets returns n packets of growing length, each filled with its number.
func packets(n, size int) []packet {
	var ps []packet
	for i := range n {
		ps = append(ps, packet{
			data: bytes.Repeat([]byte{byte(i + 1)}, size+i),
			at:   time.Unix(1_700_000_000, int64(i)*1000).UTC(),
		})
	}
	return ps
}

func info(p packet) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: p.at, CaptureLength: len(p.data), Length: len(p.data)}
}

// pcapBytes returns a classic capture.
func pcapBytes(t testing.TB, nanos bool, ps []packet) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := pcapgo.NewWriter(&buf)
	if nanos {
		w = pcapgo.NewWriterNanos(&buf)
	}
	if err := w.WriteFileHeader(SnapLen, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		if err := w.WritePacket(info(p), p.data); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

// pcapBigEndian returns a classic capture with microseconds as a big-endian machine writes it.
func pcapBigEndian(ps []packet) []byte {
	b := []byte{0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1}
	for _, p := range ps {
		b = binary.BigEndian.AppendUint32(b, uint32(p.at.Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(p.at.Nanosecond()/1000))
		b = binary.BigEndian.AppendUint32(b, uint32(len(p.data)))
		b = binary.BigEndian.AppendUint32(b, uint32(len(p.data)))
		b = append(b, p.data...)
	}
	return b
}

// pcapngBytes returns a pcapng capture, as pcapgo writes it.
func pcapngBytes(t testing.TB, ps []packet) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := pcapgo.NewNgWriter(&buf, layers.LinkTypeEthernet)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		if err := w.WritePacket(info(p), p.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// writeFile writes a file that is gone after the test and returns its name.
func writeFile(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readFile returns the packets of a classic capture, read by pcapgo.
func readFile(t testing.TB, path string) []packet {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var ps []packet
	for {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return ps
		}
		if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, packet{data, ci.Timestamp})
	}
}

// forward sends all the port receives back to it, until it is finished, and returns copies.
func forward(t testing.TB, p *Port, pool *frame.Pool) [][]byte {
	t.Helper()
	var got [][]byte
	b := new(frame.Batch)
	for deadline := time.Now().Add(20 * time.Second); !p.Finished(); {
		if p.rx.Recv(b) == 0 {
			if time.Now().After(deadline) {
				t.Fatalf("not finished after 20 s and %d packets", len(got))
			}
			time.Sleep(10 * time.Microsecond)
			continue
		}
		for _, f := range b.Frames() {
			got = append(got, pool.AppendTo(nil, f))
		}
		p.tx.Send(b)
		p.tx.Flush()
	}
	return got
}

func wantPackets(t testing.TB, got [][]byte, want []packet) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d packets, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i].data) {
			t.Errorf("packet %d: got %d bytes, want %d, or they differ", i+1, len(got[i]), len(want[i].data))
		}
	}
}

// value returns a counter by name.
func value(samples []counter.Sample, name string) uint64 {
	for _, s := range samples {
		if s.Name == name {
			return s.Value
		}
	}
	return 0
}

// wantSamples compares counters by name.
func wantSamples(t testing.TB, samples []counter.Sample, want map[string]uint64) {
	t.Helper()
	for name, n := range want {
		if got := value(samples, name); got != n {
			t.Errorf("%s is %d, want %d", name, got, n)
		}
	}
}
