//go:build integration

package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ovsOfctl runs ovs-ofctl, which parses flows and captures without a switch.
func ovsOfctl(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("ovs-ofctl")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("needs ovs-ofctl: package openvswitch-common")
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, args...).Output()
	if err != nil {
		t.Fatalf("ovs-ofctl %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// TestMatchTextIsWhatOVSPrints holds the table of match texts against the program it claims to copy.
func TestMatchTextIsWhatOVSPrints(t *testing.T) {
	for _, tc := range matchTexts {
		flow := strings.TrimPrefix(tc.in+",actions=drop", ",")
		_, got, ok := strings.Cut(ovsOfctl(t, "parse-flow", flow), "ADD ")
		if !ok {
			t.Errorf("%q: ovs-ofctl prints no flow", flow)
			continue
		}
		got, _, _ = strings.Cut(got, "actions=")
		if got = strings.TrimSpace(got); got != tc.out {
			t.Errorf("match %q: OVS prints %q, the table says %q", tc.in, got, tc.out)
		}
	}
}

// TestExtractionIsThatOfOVS extracts the same packets with ovs-ofctl, whole, cut, and cut with the
// lengths in their IP headers set right.
func TestExtractionIsThatOfOVS(t *testing.T) {
	var pkts [][]byte
	packets := corpus()
	for _, name := range slices.Sorted(maps.Keys(packets)) {
		for n := 14; n <= len(packets[name]); n++ {
			pkts = append(pkts, packets[name][:n], shorten(packets[name], n))
		}
	}
	path := filepath.Join(t.TempDir(), "corpus.pcap")
	if err := os.WriteFile(path, capture(pkts), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(ovsOfctl(t, "parse-pcap", path)), "\n")
	if len(lines) != len(pkts) {
		t.Fatalf("OVS found %d packets, want %d", len(lines), len(pkts))
	}
	r := newRig(t)
	for i, pkt := range pkts {
		want, err := parseOVSFlow(lines[i])
		if err != nil {
			t.Fatalf("packet %x: %v in %s", pkt, err, lines[i])
		}
		// What is a setting of the switch, one tag, is the room in the key for its library.
		got, _ := r.extract(pkt, MaxVLANs, r.pool.Room())
		if !want.Matches(&got.key) {
			t.Errorf("packet %x\n OVS %s\nours %s", pkt, lines[i], describe(got))
		}
	}
}

// parseOVSFlow parses a flow as OVS prints it that has all of a packet's fields.
func parseOVSFlow(s string) (Match, error) {
	var m Match
	for s != "" {
		var name, value string
		name, value, s = NextField(s)
		n, _ := strconv.ParseUint(value, 0, 16)
		tci := m.Key.Uint(FieldVLANTCI1) | VLANPresent
		switch name {
		case "in_port": // there was none
		case "dl_vlan1":
			m.SetUint(FieldVLANTCI1, tci|n)
		case "dl_vlan_pcp1":
			m.SetUint(FieldVLANTCI1, tci|n<<13)
		default:
			if ok, err := m.ParseField(name, value, Names{}); !ok || err != nil {
				return m, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return m, nil
}

// capture returns a pcap file.
func capture(pkts [][]byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	b = le.AppendUint32(le.AppendUint64(b, 0), 65535)
	b = le.AppendUint32(b, 1) // Ethernet
	for _, pkt := range pkts {
		b = le.AppendUint64(b, 0)
		b = le.AppendUint32(le.AppendUint32(b, uint32(len(pkt))), uint32(len(pkt)))
		b = append(b, pkt...)
	}
	return b
}
