//go:build integration

package encap

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// asked are the fields that tshark is asked for.
var asked = []string{
	"_ws.malformed", "ip.checksum.status", "udp.checksum.status", "frame.protocols",
	"vxlan.vni", "vxlan.gbp", "geneve.vni", "geneve.options", "gre.key", "gre.sequence_number", "gre.checksum.status",
	"erspan.spanid", "erspan.version", "udp.dstport", "ip.dsfield", "ipv6.tclass", "vlan.id",
	"vxlan.flag_g", "vxlan.flag_d", "vxlan.flag_a", "vxlan.p_bit", "vxlan.next_proto", "geneve.flags.oam", "erspan.index", "erspan.direction", "erspan.hw", "erspan.timestamp",
	"ip.ttl", "ip.flags.df", "ipv6.hlim", "ipv6.flow",
}

// tshark returns what tshark says of packets, a row each.
func tshark(t *testing.T, pkts [][]byte) []map[string]string {
	t.Helper()
	path, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for _, pkt := range pkts {
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(pkt), Length: len(pkt)}, pkt); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "packets.pcap")
	if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-n", "-r", name, "-T", "fields", "-E", "separator=;", "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"}
	for _, f := range asked {
		args = append(args, "-e", f)
	}
	cmd := exec.Command(path, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, &stderr)
	}
	var rows []map[string]string
	for line := range strings.Lines(string(out)) {
		row := map[string]string{}
		for i, v := range strings.Split(strings.TrimSuffix(line, "\n"), ";") {
			row[asked[i]] = v
		}
		rows = append(rows, row)
	}
	if len(rows) != len(pkts) {
		t.Fatalf("tshark says something of %d packets, there are %d", len(rows), len(pkts))
	}
	return rows
}

func TestTsharkReadsWhatWePush(t *testing.T) {
	l := newLab(t)
	l.pusher.Now = 123456 * stampUnit
	inner := innerUDP(0xba, 100)
	numbered := make(map[uint16]int) // packets, by counter
	var numbers []int
	var names []string
	var outers []Outer
	var pkts [][]byte
	for _, s := range shapes {
		for _, vlan := range []uint16{0, 100} {
			for _, o := range []Outer{over4(s.outer), over6(s.outer)} {
				o.VLAN, o.TOS = vlan, 0x48
				names = append(names, fmt.Sprintf("%s from %s, vlan %d", s.name, o.Src, vlan))
				outers = append(outers, o)
				pkts = append(pkts, l.push(&o, bytes.Clone(inner)))
				number := -1
				if o.Sequence || o.ERSPAN.Version > 0 {
					number = numbered[o.Counter]
					numbered[o.Counter]++
				}
				numbers = append(numbers, number)
			}
		}
	}
	for i, row := range tshark(t, pkts) {
		t.Run(names[i], func(t *testing.T) {
			for field, want := range tsharkSays(&outers[i], inner, numbers[i]) {
				if row[field] != want {
					t.Errorf("%s: %q, want %q", field, row[field], want)
				}
			}
			if t.Failed() {
				t.Logf("%x\n%v", pkts[i], row)
			}
		})
	}
}

// tsharkSays returns what tshark must say of inner with the headers o in front: what the tunnel's headers hold, no wrong
// checksum, nothing malformed. number is the packet's, -1 for none. Of a field that is in none of the headers it says
// nothing.
func tsharkSays(o *Outer, inner []byte, number int) map[string]string {
	l3, l4 := places(inner)
	hash := entropy(inner, int(l3), int(l4))
	flag := map[bool]string{true: "1", false: "0"}
	// 1: right, 3: there is none, 4: there is none, which over IPv6 is to be explained.
	want := map[string]string{
		"_ws.malformed": "", "ip.checksum.status": "1,1", "ip.dsfield": "0x4a,0xba", "udp.checksum.status": "1", "vlan.id": "",
		"ip.ttl": "64,33", "ip.flags.df": flag[o.DontFragment] + ",1", "ipv6.hlim": "", "ipv6.flow": "", "gre.sequence_number": "",
		"erspan.index": "", "erspan.direction": "", "erspan.hw": "", "erspan.timestamp": "",
	}
	if number >= 0 {
		want["gre.sequence_number"] = fmt.Sprint(number)
	}
	if o.VLAN != 0 {
		want["vlan.id"] = fmt.Sprint(o.VLAN)
	}
	v4 := o.Src.Is4()
	if !v4 {
		want["ip.checksum.status"], want["ip.dsfield"], want["ipv6.tclass"] = "1", "0xba", "0x0000004a"
		want["ip.ttl"], want["ip.flags.df"], want["ipv6.hlim"], want["ipv6.flow"] = "33", "1", "64", "0x000000"
		if !o.Type.UDP() {
			want["ipv6.flow"] = fmt.Sprintf("0x%06x", flowLabel(hash))
		}
	}
	if o.Type.UDP() {
		switch {
		case o.Checksum:
			want["udp.checksum.status"] = "1,1"
		case v4:
			want["udp.checksum.status"] = "3,1"
		default:
			want["udp.checksum.status"] = "4,1"
		}
		want["udp.dstport"] = fmt.Sprintf("%d,40000", cmp.Or(o.DstPort, o.Type.Port()))
	}
	switch o.Type {
	case VXLAN:
		want["vxlan.vni"] = fmt.Sprint(o.Key)
		if o.GPE {
			want["vxlan.p_bit"], want["vxlan.next_proto"] = "1", "3" // Ethernet
			break
		}
		want["vxlan.gbp"], want["vxlan.flag_g"] = fmt.Sprint(o.GBP.ID), flag[o.HasGBP]
		want["vxlan.flag_d"], want["vxlan.flag_a"] = flag[o.GBP.Flags&0x40 != 0], flag[o.GBP.Flags&0x08 != 0]
	case Geneve:
		want["geneve.vni"], want["geneve.options"] = fmt.Sprintf("0x%06x", o.Key), fmt.Sprintf("%x", o.Options)
		want["geneve.flags.oam"] = flag[o.OAM]
	case GRE:
		if o.HasKey {
			want["gre.key"] = fmt.Sprintf("0x%08x", o.Key)
		}
		if o.Checksum {
			want["gre.checksum.status"] = "1"
		}
	case NVGRE:
		want["gre.key"] = fmt.Sprintf("0x%06x%02x", o.Key, hash>>24)
	case ERSPAN:
		s := &o.ERSPAN
		if s.Version > 0 {
			want["erspan.spanid"], want["erspan.version"] = fmt.Sprint(o.Key), fmt.Sprint(s.Version)
		}
		switch s.Version {
		case 1:
			want["erspan.index"] = fmt.Sprint(s.Index)
		case 2:
			want["erspan.direction"], want["erspan.hw"], want["erspan.timestamp"] = flag[s.Egress], fmt.Sprint(s.HWID), "123456"
		}
	}
	return want
}
