package datapath_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

var update = flag.Bool("update", false, "write the golden captures anew")

// A golden case is testdata/golden/NAME.txt, which says what it shows and has the ports and rules,
// NAME.in.pcapng with what the ports receive, and NAME.out.pcapng with what they send. Each port is an
// interface of the captures. Packets go through one at a time, a millisecond apart.
func TestGoldenCaptures(t *testing.T) {
	names, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, path := range names {
		base := strings.TrimSuffix(path, ".txt")
		t.Run(filepath.Base(base), func(t *testing.T) { runGolden(t, base) })
	}
}

func runGolden(t *testing.T, base string) {
	c := readCase(t, base+".txt")
	if *update {
		build, ok := inputs[filepath.Base(base)]
		if !ok {
			t.Fatalf("nothing builds the input of %s", base)
		}
		writeCapture(t, base+".in.pcapng", c, build(t))
	}
	got := c.play(t, readCapture(t, base+".in.pcapng"))
	if *update {
		writeCapture(t, base+".out.pcapng", c, got)
	}
	want := readCapture(t, base+".out.pcapng")
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("packet %d is missing: %s", i+1, want[i])
		case i >= len(want):
			t.Errorf("packet %d is one too many: %s", i+1, got[i])
		case got[i].port != want[i].port || !bytes.Equal(got[i].data, want[i].data):
			t.Errorf("packet %d:\n got %s\nwant %s", i+1, got[i], want[i])
		}
	}
}

// captured is one packet on one port.
type captured struct {
	port string
	data []byte
}

func (c captured) String() string { return fmt.Sprintf("%s % x", c.port, c.data) }

func readCapture(t *testing.T, path string) []captured {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var packets []captured
	for {
		data, ci, err := r.ReadPacketData()
		if err == io.EOF {
			return packets
		}
		if err != nil {
			t.Fatalf("%s: packet %d: %v", path, len(packets)+1, err)
		}
		iface, err := r.Interface(ci.InterfaceIndex)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, captured{port: iface.Name, data: data})
	}
}

// apart is the time between two packets.
const apart = time.Millisecond

// writeCapture writes packets as if they came like those of an input.
func writeCapture(t *testing.T, path string, c *goldenCase, packets []captured) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	index := make(map[string]int)
	var w *pcapgo.NgWriter
	for i, p := range c.ports {
		iface := pcapgo.NgInterface{Name: p.Name, LinkType: layers.LinkTypeEthernet, SnapLength: 65535}
		if i == 0 {
			w, err = pcapgo.NewNgWriterInterface(f, iface, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "culvert"}})
		} else {
			_, err = w.AddInterface(iface)
		}
		if err != nil {
			t.Fatal(err)
		}
		index[p.Name] = i
	}
	for i, p := range packets {
		err := w.WritePacket(gopacket.CaptureInfo{
			Timestamp: time.Unix(0, int64(i)*int64(apart)).UTC(), CaptureLength: len(p.data), Length: len(p.data), InterfaceIndex: index[p.port],
		}, p.data)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}
