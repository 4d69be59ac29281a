package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

const wire = "testdata/replay/wire.yaml"

// The packets replayed: UDP from 10.0.0.1 to 10.0.0.2, ports 7 to 53 and 7 to 80.
const (
	toDNS = "020000000002020000000001080045000020000000004011 66cb 0a0000010a000002 00070035000c0000 01020304"
	toWeb = "020000000002020000000001080045000020000000004011 66cb 0a0000010a000002 00070050000c0000 01020304"
)

// captured writes a capture of packets, given in hexadecimal, a second apart, and returns its path.
func captured(t *testing.T, packets ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for i, text := range packets {
		data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		ci := gopacket.CaptureInfo{Timestamp: time.Unix(int64(i), 0), CaptureLength: len(data), Length: len(data)}
		if err := w.WritePacket(ci, data); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "in.pcap")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReplayPrintsWhatBecameOfPackets(t *testing.T) {
	in := captured(t, toWeb, toDNS, toWeb)
	for name, args := range map[string][]string{
		"replay":      {"--verify"},
		"replay-json": {"--json"},
		"help-replay": {"--help"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"replay", "--config", wire, "--in", "p1=" + in, "--in", "p2=" + in}, args...)
			got, errs, code := culvert(t, "", args...)
			if code != exitOK || errs != "" {
				t.Fatalf("exit code %d, %s", code, errs)
			}
			sameAsFile(t, name, got)
		})
	}
}

// Packets into a tunnel wait for the answer of the host at its other end; see testdata/replay/tunnel.yaml.
func TestReplayGoesThroughTunnels(t *testing.T) {
	const answer = "020000000101 020000000102 0806 0001080006040002 020000000102c0000202 020000000101c0000201"
	in, wan := captured(t, toWeb, toDNS, toWeb), captured(t, answer)
	for name, args := range map[string][]string{"replay-tunnel": {"--verify"}, "replay-tunnel-json": {"--json"}} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"replay", "--config", "testdata/replay/tunnel.yaml", "--in", "p1=" + in, "--in", "wan=" + wan}, args...)
			got, errs, code := culvert(t, "", args...)
			if code != exitOK || errs != "" {
				t.Fatalf("exit code %d, %s", code, errs)
			}
			sameAsFile(t, name, got)
		})
	}
}

func TestReplayRefusesWhatMakesNoSense(t *testing.T) {
	in := captured(t, toWeb)
	for _, c := range []struct {
		name string
		args []string
		code int
		errs string
	}{
		{"no input", []string{"--config", wire}, exitUsage, "--in"},
		{"an input without a port", []string{"--config", wire, "--in", in}, exitUsage, "want PORT=CAPTURE"},
		{"a port that is not there", []string{"--config", wire, "--in", "p9=" + in}, exitFailed, "found \"p9\""},
		{"a configuration with mistakes", []string{"--config", in, "--in", "p1=" + in}, exitConfig, in},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, errs, code := culvert(t, "", append([]string{"replay"}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.errs) {
				t.Errorf("exit code %d, %q; want %d with %q", code, errs, c.code, c.errs)
			}
		})
	}
}

func TestEveryBuildReplaysTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program twice")
	}
	in := captured(t, toWeb, toDNS, toWeb, toDNS)
	dir := t.TempDir()
	var first []byte
	for _, tags := range []string{"", "purego"} {
		program := filepath.Join(dir, "culvert"+tags)
		if out, err := exec.Command("go", "build", "-tags", tags, "-o", program, ".").CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
		for _, procs := range []string{"1", "7"} {
			sent := filepath.Join(dir, "out"+tags+procs)
			c := exec.Command(program, "replay", "--json", "--config", wire, "--in", "p1="+in, "--in", "p2="+in, "--out", sent)
			c.Env = append(os.Environ(), "GOMAXPROCS="+procs)
			out, err := c.Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, port := range []string{"p1", "p2"} {
				data, err := os.ReadFile(filepath.Join(sent, port+".pcap"))
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, data...)
			}
			if first == nil {
				first = out
			}
			if !bytes.Equal(out, first) {
				t.Errorf("tags %q, GOMAXPROCS %s: another output than that of the first build", tags, procs)
			}
		}
	}
}
