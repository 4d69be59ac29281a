package datapath_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/culvertdev/culvert/datapath"
	"github.com/culvertdev/culvert/datapath/rules"
	"github.com/culvertdev/culvert/datapath/rules/openflow"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

var update = flag.Bool("update", false, "write the golden captures anew")

// A golden case is testdata/golden/NAME.txt, which says what it shows and has the ports and rules,
// NAME.in.pcapng with what the ports receive, and NAME.out.pcapng with what they send. Each port is an
// interface of the captures. Packets go through one at a time.
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

// goldenCase is what the text file says.
type goldenCase struct {
	ports []rules.Port // Name and VLAN
	table *openflow.Table
}

// PortNumber and PortName make rules name the case's ports, which are numbered from 1 as they come.
func (c *goldenCase) PortNumber(name string) (uint32, bool) {
	i := slices.IndexFunc(c.ports, func(p rules.Port) bool { return p.Name == name })
	return uint32(i + 1), i >= 0
}

func (c *goldenCase) PortName(number uint32) (string, bool) {
	if number == 0 || int(number) > len(c.ports) {
		return "", false
	}
	return c.ports[number-1].Name, true
}

// captured is one packet on one port.
type captured struct {
	port string
	data []byte
}

func (c captured) String() string { return fmt.Sprintf("%s % x", c.port, c.data) }

// readCase reads lines "# comment", "port NAME [access VID | trunk VID,VID…]" and rules.
func readCase(t *testing.T, path string) *goldenCase {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := &goldenCase{}
	var flows strings.Builder
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if rest, ok := strings.CutPrefix(line, "port "); ok {
			c.ports = append(c.ports, parsePort(t, rest))
			line = ""
		}
		flows.WriteString(line + "\n")
	}
	if c.table, err = openflow.New(openflow.Options{}); err != nil {
		t.Fatal(err)
	}
	list, err := openflow.Parser{Ports: c}.ParseFlows(strings.NewReader(flows.String()), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.table.AddFlows(list); err != nil {
		t.Fatal(err)
	}
	return c
}

func parsePort(t *testing.T, s string) rules.Port {
	t.Helper()
	words := strings.Fields(s)
	p := rules.Port{Name: words[0]}
	if len(words) == 3 {
		for _, w := range strings.Split(words[2], ",") {
			vid, err := strconv.Atoi(w)
			if err != nil {
				t.Fatal(err)
			}
			if words[1] == "access" {
				p.VLAN = rules.VLAN{Mode: rules.VLANAccess, Tag: uint16(vid)}
			} else {
				p.VLAN.Trunks = append(p.VLAN.Trunks, uint16(vid))
			}
		}
	}
	return p
}

// play sends the packets of in through a switch one at a time and returns what came out, port by port
// for each of them.
func (c *goldenCase) play(t *testing.T, in []captured) []captured {
	t.Helper()
	var ports []datapath.PortConfig
	for _, p := range c.ports {
		ports = append(ports, datapath.PortConfig{Name: p.Name, VLAN: p.VLAN})
	}
	st, peers := newStepper(t, datapath.Options{VLANLimit: 2}, c.table, ports...)
	var out []captured
	for _, p := range in {
		id := uint32(1 + slices.IndexFunc(ports, func(q datapath.PortConfig) bool { return q.Name == p.port }))
		if err := st.Send(id, p.data); err != nil {
			t.Fatal(err)
		}
		for _, q := range ports {
			for _, data := range peers[q.Name].RecvBytes() {
				out = append(out, captured{port: q.Name, data: data})
			}
		}
	}
	return out
}

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

// writeCapture writes packets a millisecond apart, so that people can tell them apart.
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
			Timestamp: time.Unix(0, int64(i)*1e6).UTC(), CaptureLength: len(p.data), Length: len(p.data), InterfaceIndex: index[p.port],
		}, p.data)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}
