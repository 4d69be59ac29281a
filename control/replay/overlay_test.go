package replay

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/encap/wire"
)

// third is the end of a third host.
var third, thirdMAC = netip.MustParseAddr("192.0.2.3"), [6]byte{2, 0, 0, 0, 1, 3}

// overlaid writes the configuration of the host near, whose tunnel asks the static table in testdata, and returns its path.
func overlaid(t *testing.T) string {
	t.Helper()
	table, err := filepath.Abs(filepath.Join("testdata", "overlay", "table"))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
frames: {buffers: 1024, hugepages: never}
profiles: [{name: dc, suppress: true, lookup: {kind: file, options: {path: %s}}}]
bridges:
- name: br0
  ports: [{name: p1, type: memory}, {name: tun, type: vxlan, options: {remote_ip: lookup, profile: dc, key: 42}}]
- name: below
  flows: []
  ports: [{name: wan, type: memory, underlay: {address: '%s/24', mac: '%x'}}]
`, table, near[0], nearMAC)
	path := filepath.Join(t.TempDir(), "switch.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAReplayAsksTheStaticTable: a guest's packets to guests behind two ends, to nobody and to all, and its questions, of
// which one is answered from the table.
func TestAReplayAsksTheStaticTable(t *testing.T) {
	guest, all := [6]byte{2, 0, 0, 0, 0, 1}, wire.Broadcast
	ask := func(last byte) []byte {
		return wire.NewARP(all, wire.ARPRequest, guest, netip.MustParseAddr("10.0.0.1"), [6]byte{}, netip.AddrFrom4([4]byte{10, 0, 0, last}))
	}
	toAll := udp(t, 1, 2, 1000, 9)
	copy(toAll, all[:])
	var packets []packet
	for i, data := range [][]byte{udp(t, 1, 2, 1000, 80), udp(t, 1, 3, 1000, 80), udp(t, 1, 9, 1000, 80), toAll, ask(2), ask(9), udp(t, 1, 2, 1001, 80)} {
		packets = append(packets, packet{time.Duration(i) * 10 * time.Millisecond, data})
	}
	answers := []packet{
		{5 * time.Millisecond, wire.NewARP(nearMAC, wire.ARPReply, farMAC, far[0], nearMAC, near[0])},
		{15 * time.Millisecond, wire.NewARP(nearMAC, wire.ARPReply, thirdMAC, third, nearMAC, near[0])},
	}
	dir, data := t.TempDir(), filepath.Join("testdata", "overlay")
	out, sum := run(t, overlaid(t), []Input{
		{"p1", write(t, dir, "p1", layers.LinkTypeEthernet, packets)}, {"wan", write(t, dir, "wan", layers.LinkTypeEthernet, answers)},
	})
	golden(t, filepath.Join(data, "wan.pcap"), out.files["wan"])
	golden(t, filepath.Join(data, "p1.pcap"), out.files["p1"])
	golden(t, filepath.Join(data, "out.json"), withoutMegaflows(t, out.packets))
	if sum.Violations != 0 || sum.Sent["p1"] != 1 {
		t.Errorf("%+v", sum)
	}
}

// TestBothEndsOfAnOverlayAreReplayed: what left near comes out of the tunnel at far.
func TestBothEndsOfAnOverlayAreReplayed(t *testing.T) {
	config, err := os.ReadFile(overlaid(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "far.yaml")
	text := string(config)
	for old, is := range map[string]string{near[0].String(): far[0].String(), fmt.Sprintf("%x", nearMAC): fmt.Sprintf("%x", farMAC)} {
		text = strings.Replace(text, old, is, 1)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, sum := run(t, path, []Input{{"wan", filepath.Join("testdata", "overlay", "wan.pcap")}})
	golden(t, filepath.Join("testdata", "overlay", "far.pcap"), out.files["p1"])
	if sum.Violations != 0 || sum.Sent["p1"] != 4 {
		t.Errorf("%+v, want two packets to the guest, one to all and one question", sum)
	}
}
