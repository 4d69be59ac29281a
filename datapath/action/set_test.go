package action

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/culvertdev/culvert/flowcache/flow"
	"github.com/culvertdev/culvert/ring/frame"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var (
	macA, macB = net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
	ip4A, ip4B = net.IP{10, 0, 0, 1}, net.IP{10, 0, 0, 2}
	ip6A, ip6B = net.ParseIP("fd00::1"), net.ParseIP("fd00::2")
)

// packet serialises layers with lengths and checksums filled in.
func packet(t testing.TB, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	var network gopacket.NetworkLayer
	for _, l := range ls {
		if n, ok := l.(gopacket.NetworkLayer); ok {
			network = n
		}
		if c, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := c.SetNetworkLayerForChecksum(network); err != nil {
				t.Fatal(err)
			}
		}
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buf.Bytes())
}

func ether(typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: typ}
}

func ipv4(proto layers.IPProtocol, src net.IP, tos, ttl uint8) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: ttl, TOS: tos, Protocol: proto, SrcIP: src, DstIP: ip4B}
}

func ipv6(src net.IP, label uint32, class, hops uint8) *layers.IPv6 {
	return &layers.IPv6{
		Version: 6, HopLimit: hops, TrafficClass: class, FlowLabel: label, NextHeader: layers.IPProtocolTCP, SrcIP: src, DstIP: ip6B,
	}
}

func tcp(src, dst uint16) *layers.TCP {
	return &layers.TCP{SrcPort: layers.TCPPort(src), DstPort: layers.TCPPort(dst), Seq: 1, ACK: true, Window: 100}
}

// TestSetMakesThePacketThatWasMeant sets a field of a packet and compares it, checksums included, with
// the packet built with that value from the start.
func TestSetMakesThePacketThatWasMeant(t *testing.T) {
	pay := gopacket.Payload("some payload, odd")
	arp := func(op uint16, sha net.HardwareAddr, spa net.IP) []byte {
		return packet(t, ether(layers.EthernetTypeARP), &layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: op, SourceHwAddress: sha, SourceProtAddress: spa, DstHwAddress: macB, DstProtAddress: ip4B,
		})
	}
	v4 := func(src net.IP, tos, ttl uint8, sport uint16) []byte {
		return packet(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolTCP, src, tos, ttl), tcp(sport, 80), pay)
	}
	v6 := func(src net.IP, label uint32, class, hops uint8, dport uint16) []byte {
		return packet(t, ether(layers.EthernetTypeIPv6), ipv6(src, label, class, hops), tcp(5, dport), pay)
	}
	icmp := func(typ, code uint8) []byte {
		return packet(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolICMPv4, ip4A, 0, 64),
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code), Id: 1, Seq: 2}, pay)
	}
	mpls := func(entry uint32) []byte {
		return packet(t, ether(layers.EthernetTypeMPLSUnicast), gopacket.Payload(binary.BigEndian.AppendUint32(nil, entry)), pay)
	}
	tests := []struct {
		name        string
		field       flow.FieldID
		value, mask []byte
		from, want  []byte
		l3, l4      uint16
	}{
		{"source MAC", flow.FieldEthSrc, []byte{2, 0, 0, 0, 0, 9}, ones(6), v4(ip4A, 0, 64, 1000), withSource(v4(ip4A, 0, 64, 1000), 9), 14, 34},
		{"IPv4 source", flow.FieldIPSrc, net.IP{10, 9, 9, 9}, ones(4), v4(ip4A, 0, 64, 1000), v4(net.IP{10, 9, 9, 9}, 0, 64, 1000), 14, 34},
		{"half of the IPv4 source", flow.FieldIPSrc, []byte{0, 0, 9, 9}, []byte{0, 0, 255, 255}, v4(ip4A, 0, 64, 1000), v4(net.IP{10, 0, 9, 9}, 0, 64, 1000), 14, 34},
		{"DSCP beside ECN", flow.FieldIPTOS, []byte{0xb8}, []byte{0xfc}, v4(ip4A, 2, 64, 1000), v4(ip4A, 0xba, 64, 1000), 14, 34},
		{"TTL", flow.FieldIPTTL, []byte{7}, ones(1), v4(ip4A, 0, 64, 1000), v4(ip4A, 0, 7, 1000), 14, 34},
		{"part of the TTL", flow.FieldIPTTL, []byte{3}, []byte{15}, v4(ip4A, 0, 64, 1000), v4(ip4A, 0, 67, 1000), 14, 34},
		{"TCP source port", flow.FieldTCPSrc, []byte{4, 210}, ones(2), v4(ip4A, 0, 64, 1000), v4(ip4A, 0, 64, 1234), 14, 34},
		{"MPLS label", flow.FieldMPLSLabel, []byte{0x12, 0x34, 0x50, 0}, []byte{0xff, 0xff, 0xf0, 0}, mpls(100<<12 | 0x3ff), mpls(0x12345<<12 | 0x3ff), 14, 0},
		{"MPLS traffic class", flow.FieldMPLSTC, []byte{0, 0, 5 << 1, 0}, []byte{0, 0, 0xe, 0}, mpls(100<<12 | 0x140), mpls(100<<12 | 5<<9 | 0x140), 14, 0},
		{"MPLS bottom of stack", flow.FieldMPLSBOS, []byte{0, 0, 0, 0}, []byte{0, 0, 1, 0}, mpls(100<<12 | 0x140), mpls(100<<12 | 0x40), 14, 0},
		{"MPLS TTL", flow.FieldMPLSTTL, []byte{0, 0, 0, 63}, []byte{0, 0, 0, 255}, mpls(100<<12 | 0x140), mpls(100<<12 | 0x13f), 14, 0},
		{"an MPLS label of a packet without", flow.FieldMPLSLabel, ones(4), ones(4), v4(ip4A, 0, 64, 1000), v4(ip4A, 0, 64, 1000), 14, 34},
		{"IPv6 source", flow.FieldIPv6Src, net.ParseIP("fd00::99"), ones(16), v6(ip6A, 0, 0, 64, 80), v6(net.ParseIP("fd00::99"), 0, 0, 64, 80), 14, 54},
		{"IPv6 label", flow.FieldIPv6Label, []byte{0, 1, 0x23, 0x45}, []byte{0, 0xf, 0xff, 0xff}, v6(ip6A, 7, 0xb8, 64, 80), v6(ip6A, 0x12345, 0xb8, 64, 80), 14, 54},
		{"hop limit", flow.FieldIPTTL, []byte{9}, ones(1), v6(ip6A, 0, 0, 64, 80), v6(ip6A, 0, 0, 9, 80), 14, 54},
		{"part of the hop limit", flow.FieldIPTTL, []byte{3}, []byte{15}, v6(ip6A, 0, 0, 64, 80), v6(ip6A, 0, 0, 67, 80), 14, 54},
		{"traffic class", flow.FieldIPTOS, []byte{0xb8}, ones(1), v6(ip6A, 7, 0, 64, 80), v6(ip6A, 7, 0xb8, 64, 80), 14, 54},
		{"TCP destination port over IPv6", flow.FieldTCPDst, []byte{0, 81}, ones(2), v6(ip6A, 0, 0, 64, 80), v6(ip6A, 0, 0, 64, 81), 14, 54},
		{"ICMP code", flow.FieldICMPCode, []byte{0, 3}, ones(2), icmp(3, 1), icmp(3, 3), 14, 34},
		{"ARP operation", flow.FieldARPOp, []byte{2}, ones(1), arp(1, macA, ip4A), arp(2, macA, ip4A), 14, 0},
		{"ARP sender address", flow.FieldARPSPA, net.IP{10, 0, 0, 7}, ones(4), arp(1, macA, ip4A), arp(1, macA, net.IP{10, 0, 0, 7}), 14, 0},
		{"ARP sender hardware address", flow.FieldARPSHA, []byte{2, 0, 0, 0, 0, 7}, ones(6), arp(1, macA, ip4A), arp(1, net.HardwareAddr{2, 0, 0, 0, 0, 7}, ip4A), 14, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := runSet(t, tt.field, tt.value, tt.mask, tt.from, tt.l3, tt.l4)
			if !bytes.Equal(got, tt.want) {
				t.Errorf("\n got % x\nwant % x", got, tt.want)
			}
		})
	}
}

func TestSetLeavesPacketsWithoutTheHeaderAlone(t *testing.T) {
	whole := packet(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolTCP, ip4A, 0, 64), tcp(1, 2), gopacket.Payload("x"))
	for f := flow.FieldEthSrc; f < flow.NumFields; f++ {
		size := int(f.Info().Size)
		for n := range whole {
			// Cut anywhere, with the offsets a parser would give: no header that is not all there.
			var l3, l4 uint16
			if n >= 34 {
				l3, l4 = 14, 34
			}
			got := runSet(t, f, make([]byte, size), ones(size), whole[:n], l3, l4)
			if len(got) != n {
				t.Fatalf("%s: %d bytes became %d", f, n, len(got))
			}
		}
	}
}

// runSet runs a program with one OpSet over a packet that ends where its data ends.
func runSet(t *testing.T, f flow.FieldID, value, mask, pkt []byte, l3, l4 uint16) []byte {
	t.Helper()
	pool, err := frame.NewPool(frame.Options{Buffers: 4, Huge: frame.HugeNever})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	cache, err := pool.NewCache()
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	g, _ := cache.FromBytes(pkt)
	defer cache.Put(g)
	var p Program
	p.Set(f, value, mask)
	in, rest, ok := Next(p.Words())
	if !ok || len(rest) != 0 || in.Op != OpSet || in.Field != f {
		t.Fatalf("program % x decodes to %+v", p.Words(), in)
	}
	Set(pool, &in, []frame.Frame{g}, []uint16{l3}, []uint16{l4})
	return bytes.Clone(pool.Bytes(g))
}

func withSource(pkt []byte, last byte) []byte {
	pkt[11] = last
	return pkt
}

func ones(n int) []byte { return bytes.Repeat([]byte{0xff}, n) }

func TestProgramsReadAsText(t *testing.T) {
	var p Program
	p.Set(flow.FieldEthDst, macB, ones(6))
	p.Set(flow.FieldIPSrc, []byte{10, 0, 0, 0}, []byte{255, 0, 0, 0})
	p.PopVLAN()
	p.PushVLAN(0x8100, 0x6000|5)
	p.Output(1)
	p.Output(2)
	names := map[uint32]string{1: "a", 2: "b"}
	got := Format(p.Words(), func(id uint32) string { return names[id] })
	want := "set(dl_dst=02:00:00:00:00:02),set(nw_src=10.0.0.0/8),pop_vlan,push_vlan(vid=5,pcp=3),output:a,output:b"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	p.Reset()
	p.Drop(TTLExpired)
	if got, want := Format(p.Words(), nil), "drop(ttl_expired)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Format(nil, nil), "drop(no_match)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEveryReasonHasANameAndASentence(t *testing.T) {
	seen := make(map[string]bool)
	for r, d := range Reasons() {
		if d.Name == "" || d.Help == "" || seen[d.Name] {
			t.Errorf("reason %d: name %q, help %q", r, d.Name, d.Help)
		}
		seen[d.Name] = true
	}
	if len(seen) != int(NumReasons) {
		t.Errorf("%d reasons described, want %d", len(seen), NumReasons)
	}
}

// FuzzProgram feeds the decoder words that no Program wrote.
func FuzzProgramText(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Program
		for ; len(b) >= 4; b = b[4:] {
			arg := binary.LittleEndian.Uint32(b)
			switch b[0] % 5 {
			case 0:
				p.Output(arg)
			case 1:
				p.PushVLAN(uint16(arg>>16), uint16(arg))
			case 2:
				p.PopVLAN()
			case 3:
				p.Set(flow.FieldIPSrc, b[:4], b[:4])
			case 4:
				p.Recirc(arg)
			}
		}
		n := 0
		for in, rest, ok := Next(p.Words()); ok; in, rest, ok = Next(rest) {
			if in.Op == OpNone || in.Op > OpRecirc {
				t.Fatalf("operation %d decodes to %+v", n, in)
			}
			n++
		}
		Format(p.Words(), nil)
	})
}
