package replay

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/pmd/pcapport"
)

// A tunnelCase is a tunnel of which testdata/tunnels has what a switch sends into it.
type tunnelCase struct {
	file, what    string
	typ, options  string // without the ends
	bridge        string // more of the bridge
	sets, matches string // of the rules
	under         string // more of the underlay
	v6            bool
	tagless       bool   // packets with a VLAN tag do not go into it
	shows         string // tshark's filter for its packets
}

// arrive returns those of the packets that arrive, where they are golden, and drops of the others.
func (c *tunnelCase) arrive(inner [][]byte) (list [][]byte, file string, drops map[string]uint64) {
	if !c.tagless {
		return inner, "inner.pcap", nil
	}
	return slices.Delete(slices.Clone(inner), 2, 3), "inner-tagless.pcap", map[string]uint64{"tunnel_fields": 1}
}

var tunnelled = []tunnelCase{
	{file: "vxlan", what: "VXLAN without a UDP checksum", typ: "vxlan", options: "key: 42", shows: "vxlan.vni == 42 && udp.checksum == 0 && ip.flags.df == 1"},
	{file: "vxlan-ipv6", what: "VXLAN over IPv6, with a UDP checksum", typ: "vxlan", options: "key: 42", v6: true, shows: "vxlan.vni == 42 && udp.checksum != 0"},
	{file: "vxlan-vlan", what: "VXLAN in VLAN 7 of the underlay", typ: "vxlan", options: "key: 42", under: ", vlan: 7", shows: "vxlan.vni == 42 && vlan.id == 7"},
	{file: "vxlan-gbp", what: "VXLAN with the group 0x123", typ: "vxlan", options: "key: 42, exts: gbp", sets: "set_field:0x123->tun_gbp_id,",
		matches: ",tun_gbp_id=0x123", shows: "vxlan.gbp == 0x123"},
	{file: "vxlan-gpe", what: "VXLAN-GPE, whose header says that an Ethernet frame follows", typ: "vxlan", options: "key: 42, exts: gpe, dst_port: 4790",
		shows: "udp.dstport == 4790"},
	{file: "geneve", what: "GENEVE with two options, one of them critical", typ: "geneve", options: "key: 9, csum: true",
		bridge: `tunnel-options: ["{class=0x102,type=0x1,len=4}->tun_metadata0", "{class=0x103,type=0x80,len=8}->tun_metadata1"]`,
		sets:   "set_field:0x1234->tun_metadata0,set_field:0x5678->tun_metadata1,", matches: ",tun_metadata0=0x1234,tun_metadata1=0x5678",
		shows: "geneve.vni == 9 && geneve.option.type == 0x01 && geneve.option.type == 0x80"},
	{file: "geneve-ipv6", what: "GENEVE over IPv6, a control packet", typ: "geneve", options: "key: 9", v6: true,
		sets: "set_field:oam->tun_flags,", matches: ",tun_flags=+oam", shows: "geneve.flags.oam == 1"},
	{file: "gre", what: "GRE with a key, a checksum and numbers", typ: "gre", options: "key: 7, csum: true, seq: true",
		shows: "gre.key == 7 && gre.flags.checksum == 1 && gre.flags.sequence_number == 1"},
	{file: "gre-ipv6", what: "GRE over IPv6 with nothing but the protocol", typ: "gre", v6: true, shows: "gre && !gre.key && gre.proto == 0x6558"},
	{file: "nvgre", what: "NVGRE: a VSID, and in the key's last byte a hash of the inner flow; the one packet with a VLAN tag does not go into it", typ: "nvgre", options: "key: 70000", tagless: true,
		shows: "gre.key >= 0x01117000 && gre.key <= 0x011170ff"},
	{file: "erspan-1", what: "ERSPAN type I: no session", typ: "erspan", options: "erspan_ver: 0", shows: "gre.proto == 0x88be && gre.flags.sequence_number == 0"},
	{file: "erspan-2", what: "ERSPAN type II with a session and an index", typ: "erspan", options: "key: 5, erspan_idx: 3", shows: "erspan.spanid == 5 && erspan.version == 1"},
	{file: "erspan-3", what: "ERSPAN type III over IPv6 with a direction and a hardware number", typ: "erspan",
		options: "key: 5, erspan_ver: 2, erspan_dir: 1, erspan_hwid: 4", v6: true, shows: "erspan.spanid == 5 && erspan.version == 2 && erspan.hw == 4"},
	{file: "inherited", what: "VXLAN that takes over ToS and TTL, and may be cut on the way", typ: "vxlan", options: "tos: inherit, ttl: inherit, df_default: false",
		shows: "vxlan.vni == 0 && ip.flags.df == 0"},
}

// Both ends of the tunnel, in both families.
var (
	nearMAC, farMAC = [6]byte{2, 0, 0, 0, 1, 1}, [6]byte{2, 0, 0, 0, 1, 2}
	near            = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	far             = []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::2")}
)

// tunnelConfig writes the configuration of the switch at one end of a tunnel of the table, and returns its path.
func tunnelConfig(t *testing.T, n int, own, other netip.Addr, mac [6]byte) string {
	t.Helper()
	c := &tunnelled[n]
	text := fmt.Sprintf(`
frames: {buffers: 1024, hugepages: never}
bridges:
- name: br0
  %s
  ports: [{name: p1, type: memory}, {name: tun, type: %s, options: {remote_ip: '%s', %s}}]
  flows: ["in_port=p1,actions=%soutput:tun", "in_port=tun%s,actions=output:p1"]
- name: below
  ports: [{name: wan, type: memory, underlay: {address: '%s/%d', mac: '%x'%s}}]
`, c.bridge, c.typ, other, c.options, c.sets, c.matches, own, own.BitLen()*3/4, mac, c.under)
	path := filepath.Join(t.TempDir(), "switch.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// innerPackets go into every tunnel: IPv4, IPv6 and ARP, one with a tag, one with a congestion mark.
func innerPackets(t *testing.T) [][]byte {
	marked := udp(t, 1, 2, 1000, 80)
	wire.SetTOS(marked, wire.EthernetSize, 0x2b, 0xff)
	v6 := &layers.IPv6{Version: 6, HopLimit: 3, TrafficClass: 0x20, NextHeader: layers.IPProtocolUDP, SrcIP: make([]byte, 16), DstIP: make([]byte, 16)}
	datagram := &layers.UDP{SrcPort: 5, DstPort: 6}
	if err := datagram.SetNetworkLayerForChecksum(v6); err != nil {
		t.Fatal(err)
	}
	eth := ether(1, 2)
	eth.EthernetType = layers.EthernetTypeIPv6
	return [][]byte{
		udp(t, 1, 2, 1000, 80), marked, tagged(t, tcp(t, 1, 2, 1000, 23), 30), bytes.Clone(build(t, eth, v6, datagram, gopacket.Payload("short"))),
		wire.NewARP(wire.Broadcast, wire.ARPRequest, [6]byte{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("10.0.0.1"), [6]byte{}, netip.MustParseAddr("10.0.0.2")),
	}
}

// outward replays the packets into a tunnel of the table, and returns the capture of the underlay's port.
func outward(t *testing.T, n int, inner [][]byte) (told, *Summary) {
	t.Helper()
	c, own, other := &tunnelled[n], near[0], far[0]
	answer := wire.NewARP(nearMAC, wire.ARPReply, farMAC, other, nearMAC, own)
	if c.v6 {
		own, other = near[1], far[1]
		answer = wire.NewND(nearMAC, farMAC, other, own, wire.NDAdvert, wire.NDSolicited|wire.NDOverride, other)
	}
	if strings.Contains(c.under, "vlan: 7") {
		answer = tagged(t, answer, 7)
	}
	var packets []packet
	for i, data := range inner {
		packets = append(packets, packet{time.Duration(i) * 10 * time.Millisecond, data})
	}
	dir := t.TempDir()
	return run(t, tunnelConfig(t, n, own, other, nearMAC), []Input{
		{"p1", write(t, dir, "p1", layers.LinkTypeEthernet, packets)},
		{"wan", write(t, dir, "wan", layers.LinkTypeEthernet, []packet{{5 * time.Millisecond, answer}})}, // the first packet waits for it
	})
}

// packetsOf reads a capture.
func packetsOf(t *testing.T, path string) (list [][]byte) {
	t.Helper()
	c, err := pcapport.OpenCapture(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for {
		rec, err := c.Next()
		if err != nil {
			return list
		}
		list = append(list, bytes.Clone(rec.Data))
	}
}

// TestWhatGoesIntoATunnelComesOutAgain replays packets into each tunnel, and what left into the switch at its other end.
// The captures in testdata are those that left, the underlay's own packets among them.
func TestWhatGoesIntoATunnelComesOutAgain(t *testing.T) {
	inner := innerPackets(t)
	for n := range tunnelled {
		c := &tunnelled[n]
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join("testdata", "tunnels", c.file+".pcap")
			out, sum := outward(t, n, inner)
			golden(t, path, out.files["wan"])
			arrive, end, drops := c.arrive(inner)
			if sum.Violations != 0 || !maps.Equal(sum.Drops, drops) {
				t.Errorf("out: %+v", sum)
			}
			own, other := far[0], near[0]
			if c.v6 {
				own, other = far[1], near[1]
			}
			in, sum := run(t, tunnelConfig(t, n, own, other, farMAC), []Input{{"wan", path}})
			if sum.Violations != 0 || len(sum.Drops) != 0 || sum.Sent["p1"] != len(arrive) {
				t.Errorf("in: %+v", sum)
			}
			golden(t, filepath.Join("testdata", "tunnels", end), in.files["p1"])
			arrived := filepath.Join(t.TempDir(), "arrived.pcap")
			if err := os.WriteFile(arrived, in.files["p1"], 0o600); err != nil {
				t.Fatal(err)
			}
			for i, got := range packetsOf(t, arrived) {
				if !bytes.Equal(got, arrive[i]) {
					t.Errorf("packet %d:\ngot  %x\nwant %x", i, got, arrive[i])
				}
			}
		})
	}
}

// TestTheCapturesOfTunnelsAreExplained keeps a line about each of them beside them.
func TestTheCapturesOfTunnelsAreExplained(t *testing.T) {
	var b strings.Builder
	b.WriteString("What left a switch for five packets into a tunnel, with what the underlay said itself; `inner.pcap` is the five at the other end, `inner-tagless.pcap` those without a VLAN tag.\n\n")
	for i := range tunnelled {
		fmt.Fprintf(&b, "- `%s.pcap`: %s\n", tunnelled[i].file, tunnelled[i].what)
	}
	golden(t, filepath.Join("testdata", "tunnels", "README.md"), []byte(b.String()))
}

// TestAReplayTellsOfTunnels: what became of packets, as `culvert replay --json` has it.
func TestAReplayTellsOfTunnels(t *testing.T) {
	out, _ := outward(t, 0, innerPackets(t)[:2])
	golden(t, filepath.Join("testdata", "tunnels", "out.json"), withoutMegaflows(t, out.packets))
	in, _ := run(t, tunnelConfig(t, 0, far[0], near[0], farMAC), []Input{{"wan", filepath.Join("testdata", "tunnels", "vxlan.pcap")}})
	golden(t, filepath.Join("testdata", "tunnels", "in.json"), withoutMegaflows(t, in.packets))
}
