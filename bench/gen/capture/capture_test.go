package capture

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/culvertdev/culvert/ring/frame"
)

// A shot is one frame of a capture.
type shot struct {
	at   time.Duration
	size int
	full int // 0: size
}

// file writes a capture whose frame i consists of bytes i+1.
func file(t *testing.T, shots ...shot) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for i, s := range shots {
		ci := gopacket.CaptureInfo{Timestamp: time.Unix(100, 0).Add(s.at), CaptureLength: s.size, Length: max(s.full, s.size)}
		if err := w.WritePacket(ci, bytes.Repeat([]byte{byte(i + 1)}, s.size)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "c.pcap")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFramesAreSentAsTheyWereCaptured(t *testing.T) {
	const ms = time.Millisecond
	path := file(t, shot{0, 60, 0}, shot{10 * ms, 9000, 0}, shot{5 * ms, 61, 0}, shot{30 * ms, 1514, 0})
	c, err := Read(Spec{Path: path, Speed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{0, 5 * ms, 5 * ms, 15 * ms}; !slices.Equal(c.Times(), want) || c.Longest() != 9000 {
		t.Errorf("times %v, longest %d; want %v, 9000", c.Times(), c.Longest(), want)
	}
	pool, err := frame.NewPool(frame.Options{Buffers: 256, Huge: frame.HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	cache, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	var b frame.Batch
	if n := c.Fill(cache, &b, 6, 0); n != 6 || c.Sequence() != 6 {
		t.Fatalf("made %d frames, %d in all, want 6: the first come again", n, c.Sequence())
	}
	for i, f := range b.Frames() {
		if got, want := pool.AppendTo(nil, f), bytes.Repeat([]byte{byte(i%4 + 1)}, []int{60, 9000, 61, 1514}[i%4]); !bytes.Equal(got, want) {
			t.Errorf("frame %d has %d bytes %x…, want %d bytes %x…", i, len(got), got[0], len(want), want[0])
		}
	}
	cache.PutBatch(&b)
	if n := testing.AllocsPerRun(100, func() {
		c.Fill(cache, &b, 8, 0)
		cache.PutBatch(&b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAPassFollowsAnotherAsFramesDo(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name  string
		path  string
		speed float64
		want  time.Duration
	}{
		{"three frames in 20 ms", file(t, shot{0, 60, 0}, shot{5 * ms, 60, 0}, shot{20 * ms, 60, 0}), 1, 30 * ms},
		{"twice as fast", file(t, shot{0, 60, 0}, shot{5 * ms, 60, 0}, shot{20 * ms, 60, 0}), 2, 15 * ms},
		{"one frame", file(t, shot{0, 60, 0}), 1, ms},
		{"one frame, four times as fast", file(t, shot{0, 60, 0}), 4, ms / 4},
		{"two at one time", file(t, shot{0, 60, 0}, shot{0, 60, 0}), 1, ms},
	} {
		r, err := Read(Spec{Path: c.path, Speed: c.speed, Repeat: 3})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Period(); got != c.want {
			t.Errorf("%s: a pass follows after %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWhatCannotBeSentIsSaid(t *testing.T) {
	good := file(t, shot{0, 60, 0})
	for _, tt := range []struct {
		s    Spec
		want string
	}{
		{Spec{Path: "/no/such/file"}, "/no/such/file"},
		{Spec{Path: file(t)}, "no frames"},
		{Spec{Path: file(t, shot{0, 60, 0}, shot{0, 60, 61})}, "frame 2: 60 bytes of 61 were captured"},
		{Spec{Path: file(t, shot{0, 13, 0})}, "13 bytes, want at least 14"},
		{Spec{Path: good, Speed: -1}, "speed -1"},
		{Spec{Path: good, Repeat: maxRepeat + 1}, "want 1/1000 to 1000"},
	} {
		if _, err := Read(tt.s); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.s, err, tt.want)
		}
	}
}
