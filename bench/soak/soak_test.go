package soak

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvertdev/culvert/control/config"
	"github.com/google/gopacket/pcapgo"
)

func TestBothConfigurationsAreRight(t *testing.T) {
	for _, v := range []variant{plain, altered} {
		drivers := make(config.PortTypes)
		for _, p := range ports(v, "in.pcap") {
			drivers[p.Type] = func(map[string]string) error { return nil }
		}
		c, err := config.Parse(config.Source{Name: "soak.yaml", Text: configuration(v, "in.pcap"), Drivers: drivers})
		if err != nil {
			t.Fatalf("variant %d: %v", v, err)
		}
		n := 0
		for _, b := range c.Bridges {
			n += len(b.Ports)
		}
		if want := len(ports(v, "in.pcap")); n != want {
			t.Errorf("variant %d: got %d ports, want %d", v, n, want)
		}
	}
}

func TestMalformedPacketsTeachNobodyAnything(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	lengths := make(map[int]bool)
	for _, p := range malformed(r, 5000) {
		if len(p) < minInjected {
			t.Fatalf("got %d bytes, which a packet socket does not take", len(p))
		}
		if !bytes.Equal(p[6:11], []byte{2, 0xba, 0xd0, 0, 0}) {
			t.Fatalf("source address is %x, want one of its own", p[6:12])
		}
		lengths[len(p)] = true
	}
	for n := minInjected; n < 100; n++ {
		if !lengths[n] {
			t.Errorf("none of 5000 packets is %d bytes long", n)
		}
	}
}

func TestStrangersAreFlowsOfTheirOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := make(map[string]bool)
	for _, p := range strangers(r, 1000, []byte{2, 0x77, 0, 0, 0, 1}) {
		if p[0] != 2 || p[1] != 0x77 || p[6]&1 != 0 {
			t.Fatalf("addresses are %x: want one host's, and a unicast source", p[:12])
		}
		seen[string(p)] = true
	}
	if len(seen) < 999 {
		t.Errorf("got %d different packets of 1000", len(seen))
	}
}

func TestTheCaptureCanBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.pcap")
	if err := writeCapture(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; ; n++ {
		if _, _, err := r.ReadPacketData(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n != captureFrames {
		t.Errorf("got %d packets, want %d", n, captureFrames)
	}
}

func TestASampleIsReadFromTheKernelAndTheMetrics(t *testing.T) {
	var s Sample
	s.parseStatus([]byte("Name:\tculvert\nVmRSS:\t   70000 kB\nRssAnon:\t   20000 kB\nThreads:\t16\nGroups:\t\n"))
	s.parseMetrics("# HELP go_goroutines Number of goroutines.\ngo_goroutines 47\ngo_memstats_heap_inuse_bytes 1.048576e+08\ngo_info{version=\"go1.26\"} 1\n")
	if want := (Sample{RSS: 70000 << 10, Anonymous: 20000 << 10, Threads: 16, Goroutines: 47, Heap: 100 << 20}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
}

func TestGrowthIsJudgedAfterWarmingUp(t *testing.T) {
	const mib = 1 << 20
	run := func(seconds float64, rss ...uint64) (all []Sample) {
		for i, m := range rss {
			all = append(all, Sample{Seconds: seconds * float64(i+1) / float64(len(rss)), RSS: m * mib, Threads: 10})
		}
		return all
	}
	tests := []struct {
		name    string
		samples []Sample
		want    string // what grew
	}{
		{"too few samples are not judged", run(3600, 1, 2, 3, 4, 5, 6, 7), ""},
		{"memory that is taken while warming up", run(3600, 10, 50, 100, 100, 101, 100, 102, 103), ""},
		{"a leak", run(3600, 100, 100, 100, 105, 110, 115, 120, 125), "resident memory"},
		{"a single peak at the end", run(3600, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 300), ""},
		{"a short run is allowed more", run(180, 60, 70, 80, 84, 86, 88, 90, 92), ""},
		{"but not anything", run(180, 60, 70, 80, 90, 100, 110, 120, 130), "resident memory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var grew []string
			for _, tr := range trends(tt.samples) {
				if !tr.flat() {
					grew = append(grew, tr.What)
				}
			}
			if got := strings.Join(grew, ", "); got != tt.want {
				t.Errorf("grew: got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLeaksAreWhatThereIsMoreOf(t *testing.T) {
	first := Sample{FDs: 60, Goroutines: 40}
	if got := leaks(first, Sample{FDs: 60, Goroutines: 43}); got != nil {
		t.Errorf("got %q, want nothing", got)
	}
	if got := leaks(first, Sample{FDs: 61, Goroutines: 80}); len(got) != 2 {
		t.Errorf("got %q, want descriptors and goroutines", got)
	}
}
