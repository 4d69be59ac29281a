package replay

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/control/config"
)

func load(t *testing.T, file string) *config.Config {
	t.Helper()
	c, err := config.Load(file, config.PortTypes{"memory": func(map[string]string) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatCannotBeReplayedIsSaid(t *testing.T) {
	dir := t.TempDir()
	good := write(t, dir, "good", layers.LinkTypeEthernet, []packet{{0, udp(t, 1, 2, 3, 4)}})
	loop := write(t, dir, "loop", layers.LinkTypeNull, []packet{{0, udp(t, 1, 2, 3, 4)}})
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short")
	taken := filepath.Join(dir, "p1.pcap")
	for path, b := range map[string][]byte{short: data[:len(data)-1], taken: data} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, port, path, out, want string
	}{
		{"a port that is not configured", "p9", good, "", "want a port of the configuration (p1, p2, trunk)"},
		{"a file that is not there", "p1", good + "x", "", "no such file"},
		{"a file that is no capture", "p1", "replay_test.go", "", "port p1: read replay_test.go"},
		{"a capture of something else", "p1", loop, "", "want Ethernet"},
		{"a capture that ends too early", "p1", short, "", "packet 1: unexpected EOF"},
		{"an output in the place of an input", "p1", taken, dir, "would replace input"},
		{"a directory that is a file", "p1", good, good, "not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Run(t.Context(), Options{Config: load(t, "testdata/story/story.yaml"), In: []Input{{c.port, c.path}}, Out: c.out})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestAReplayEndsWhenItsContextDoesOrNobodyListens(t *testing.T) {
	in := []Input{{"p1", write(t, t.TempDir(), "p1", layers.LinkTypeEthernet, []packet{{0, udp(t, 1, 2, 3, 4)}})}}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Run(ctx, Options{Config: load(t, "testdata/story/story.yaml"), In: in}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	full := errors.New("no space left")
	_, err := Run(t.Context(), Options{
		Config: load(t, "testdata/story/story.yaml"), In: in, Packet: func(*Packet) error { return full },
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

func TestCapturesOfAnEarlierReplayGo(t *testing.T) {
	dir := t.TempDir()
	stale, other := filepath.Join(dir, "trunk.pcap"), filepath.Join(dir, "notes.pcap")
	for _, path := range []string{stale, other} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := []Input{{"p1", write(t, t.TempDir(), "p1", layers.LinkTypeEthernet, []packet{{0, udp(t, 1, 2, 3, 53)}})}}
	if _, err := Run(t.Context(), Options{Config: load(t, "testdata/story/story.yaml"), In: in, Out: dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what an earlier replay wrote is still there: %v", err)
	}
	if b, err := os.ReadFile(other); err != nil || !bytes.Equal(b, []byte("x")) {
		t.Errorf("a file that is no port's was touched: %q, %v", b, err)
	}
}

func TestTheClockFollowsTheCaptures(t *testing.T) {
	c := newClock(1000, 10)
	var walks []int64
	walk := func() { walks = append(walks, c.now-start) }
	for _, step := range []struct {
		to    int64
		now   int64
		walks []int64
	}{
		{1000, 0, nil},
		{1009, 9, nil},
		{1010, 10, []int64{10}},
		{1005, 10, nil}, // captured before the one in front of it
		{1035, 35, []int64{20, 30}},
		{2001, 1001, []int64{40, 1000}}, // a long gap: once for the traffic so far, once for what became of it
		{2010, 1010, []int64{1010}},
	} {
		walks = nil
		c.forward(step.to, walk)
		if c.now-start != step.now || len(walks) != len(step.walks) {
			t.Fatalf("at %d: the clock shows %d, walks at %d; want %d and %d", step.to, c.now-start, walks, step.now, step.walks)
		}
		for i := range walks {
			if walks[i] != step.walks[i] {
				t.Errorf("at %d: walks at %d, want %d", step.to, walks, step.walks)
			}
		}
	}
}
