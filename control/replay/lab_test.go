package replay

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/culvertdev/culvert/control/config"
	"github.com/culvertdev/culvert/control/daemon"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// epoch is when captures begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A packet is in a capture some time after its start. What is marked by cut is not captured to its end.
type packet struct {
	after time.Duration
	data  []byte
}

// uncaptured stands in front of a packet that was captured in part: the number of bytes captured.
var uncaptured = []byte("only the first so many bytes:")

func cut(data []byte, n uint16) []byte {
	return append(binary.BigEndian.AppendUint16(bytes.Clone(uncaptured), n), data...)
}

// write writes a capture and returns its path.
func write(t testing.TB, dir, name string, link layers.LinkType, packets []packet) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	if err := w.WriteFileHeader(65535, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		ci := gopacket.CaptureInfo{Timestamp: epoch.Add(p.after), Length: len(p.data)}
		data := p.data
		if rest, ok := bytes.CutPrefix(p.data, uncaptured); ok {
			ci.Length = len(rest) - 2
			data = rest[2 : 2+binary.BigEndian.Uint16(rest)]
		}
		ci.CaptureLength = len(data)
		if err := w.WritePacket(ci, data); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, name+".in.pcap")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// told is what a replay wrote.
type told struct {
	packets []byte            // one line of JSON each
	files   map[string][]byte // captures by port
}

// run replays with verification, twice and on different numbers of processors, and fails if the two differ.
func run(t *testing.T, file string, in []Input) (told, *Summary) {
	t.Helper()
	procs := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(procs)
	first, sum := runOnce(t, file, in)
	runtime.GOMAXPROCS(max(4, procs))
	second, _ := runOnce(t, file, in)
	if !bytes.Equal(first.packets, second.packets) {
		t.Error("two runs of the same differ in what they say of packets")
	}
	if len(first.files) != len(second.files) {
		t.Errorf("the first run wrote %d captures, the second %d", len(first.files), len(second.files))
	}
	for port, data := range first.files {
		if !bytes.Equal(data, second.files[port]) {
			t.Errorf("two runs of the same differ in the capture of %s", port)
		}
	}
	return first, sum
}

func runOnce(t *testing.T, file string, in []Input) (told, *Summary) {
	t.Helper()
	ports := daemon.Drivers{"memory": {Check: func(map[string]string) error { return nil }}}
	c, err := config.Load(file, ports.Types())
	if err != nil {
		t.Fatal(err)
	}
	out := told{files: make(map[string][]byte)}
	dir := t.TempDir()
	wrong := 0
	sum, err := Run(t.Context(), Options{
		Config: c, In: in, Out: dir, Verify: true,
		Packet: func(p *Packet) error {
			line, err := json.Marshal(p)
			out.packets = append(append(out.packets, line...), '\n')
			return err
		},
		Violation: func(v *Violation) {
			if wrong++; wrong <= 3 {
				t.Errorf("%+v", *v)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if out.files[strings.TrimSuffix(filepath.Base(path), ".pcap")], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return out, sum
}

// golden compares with a file, or with -update writes it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run with -update if that is meant. Got:\n%q", path, got)
	}
}

func ether(src, dst byte) *layers.Ethernet {
	return &layers.Ethernet{
		SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, src}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, dst}, EthernetType: layers.EthernetTypeIPv4,
	}
}

func ipv4(src, dst byte, proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: net.IP{10, 0, 0, src}, DstIP: net.IP{10, 0, 0, dst}}
}

func build(t testing.TB, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func udp(t testing.TB, src, dst byte, from, to uint16) []byte {
	t.Helper()
	ip := ipv4(src, dst, layers.IPProtocolUDP)
	u := &layers.UDP{SrcPort: layers.UDPPort(from), DstPort: layers.UDPPort(to)}
	if err := u.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	return build(t, ether(src, dst), ip, u, gopacket.Payload(make([]byte, 100)))
}

func tcp(t testing.TB, src, dst byte, from, to uint16) []byte {
	t.Helper()
	ip := ipv4(src, dst, layers.IPProtocolTCP)
	h := &layers.TCP{SrcPort: layers.TCPPort(from), DstPort: layers.TCPPort(to), SYN: true}
	if err := h.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	return build(t, ether(src, dst), ip, h)
}

// withTTL returns an untagged IPv4 packet with another time to live; its header checksum is not looked at.
func withTTL(_ testing.TB, data []byte, ttl byte) []byte {
	data[14+8] = ttl
	return data
}

// tagged returns a packet with a VLAN tag.
func tagged(_ testing.TB, data []byte, vid uint16) []byte {
	out := append(bytes.Clone(data[:12]), 0x81, 0)
	return append(binary.BigEndian.AppendUint16(out, vid), data[12:]...)
}
