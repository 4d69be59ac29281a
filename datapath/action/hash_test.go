package action

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// naiveHash follows the description of Hash word by word, in arithmetic without end.
func naiveHash(basis uint32, words ...uint64) uint32 {
	half := new(big.Int).Lsh(big.NewInt(1), 64)
	h := uint64(basis)*256 + 1
	for _, w := range words {
		x := new(big.Int).SetUint64(h ^ w ^ 0x9e3779b97f4a7c15)
		x.Mul(x, new(big.Int).SetUint64(0xd6e8feb86659fd93))
		hi, lo := new(big.Int).DivMod(x, half, new(big.Int))
		h = hi.Uint64() ^ lo.Uint64()
	}
	return uint32(h>>32) ^ uint32(h)
}

// flowPacket is a packet between two hosts with its headers' offsets.
type flowPacket struct {
	pkt    []byte
	l3, l4 int
}

func (p flowPacket) hash(alg HashAlg) uint32 { return Hash(alg, 7, p.pkt, p.l3, p.l4) }

func v4TCP(t testing.TB, src, dst byte, sport, dport uint16) flowPacket {
	ip := ipv4(layers.IPProtocolTCP, []byte{10, 0, 0, src}, 0, 64)
	ip.DstIP = []byte{10, 0, 0, dst}
	return flowPacket{packet(t, ether(layers.EthernetTypeIPv4), ip, tcp(sport, dport)), 14, 34}
}

func TestTheHashIsWhatItsDescriptionSays(t *testing.T) {
	const a, b = 10<<24 | 1, 10<<24 | 2
	macs := [2]uint64{0x020000000001, 0x020000000002}
	v4 := v4TCP(t, 1, 2, 1000, 80)
	udp := packet(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolUDP, ip4A, 0, 64), &layers.UDP{SrcPort: 9, DstPort: 8})
	v6 := packet(t, ether(layers.EthernetTypeIPv6), ipv6(ip6B, 0, 0, 64), tcp(5, 6))
	icmp := packet(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolICMPv4, ip4A, 0, 64), &layers.ICMPv4{Id: 1, Seq: 2})
	labelled := append(bytes.Clone(v4.pkt[:12]), append([]byte{0x88, 0x47, 0, 0, 1, 64}, v4.pkt[14:]...)...)
	const v6A, v6B = 0xfd00 << 48, 2
	for _, tc := range []struct {
		name string
		alg  HashAlg
		flowPacket
		words []uint64
	}{
		{"IPv4 and TCP", HashL4, v4, []uint64{0, a, 0, b, 6<<32 | 1000<<16 | 80}},
		{"the same way, smaller end first", HashSymL4, v4, []uint64{0, a, 0, b, 6<<32 | 1000<<16 | 80}},
		{"the other way", HashL4, v4TCP(t, 2, 1, 80, 1000), []uint64{0, b, 0, a, 6<<32 | 80<<16 | 1000}},
		{"the other way, smaller end first", HashSymL4, v4TCP(t, 2, 1, 80, 1000), []uint64{0, a, 0, b, 6<<32 | 1000<<16 | 80}},
		{"one address, smaller port first", HashSymL4, v4TCP(t, 1, 1, 80, 22), []uint64{0, a, 0, a, 6<<32 | 22<<16 | 80}},
		{"UDP", HashL4, flowPacket{udp, 14, 34}, []uint64{0, a, 0, b, 17<<32 | 9<<16 | 8}},
		{"ICMP", HashL4, flowPacket{icmp, 14, 34}, []uint64{0, a, 0, b, 1 << 32}},
		{"a UDP header cut short", HashL4, flowPacket{udp[:38], 14, 34}, []uint64{0, a, 0, b, 17 << 32}},
		{"IPv6", HashL4, flowPacket{v6, 14, 54}, []uint64{v6A, v6B, v6A, v6B, 6<<32 | 5<<16 | 6}},
		{"IPv6 without a known transport", HashL4, flowPacket{v6, 14, 0}, []uint64{v6A, v6B, v6A, v6B, 0}},
		{"no network header", HashL4, flowPacket{v4.pkt, 0, 0}, []uint64{0, macs[0], 0, macs[1], 0}},
		{"MPLS", HashSymL4, flowPacket{labelled, 14, 0}, []uint64{0, macs[0], 0, macs[1], 0}},
		{"a header cut short", HashL4, flowPacket{v4.pkt[:33], 14, 0}, []uint64{0, macs[0], 0, macs[1], 0}},
		{"no header at all", HashL4, flowPacket{v4.pkt[:9], 0, 0}, []uint64{0, 0, 0, 0, 0}},
	} {
		if got, want := tc.hash(tc.alg), naiveHash(7, tc.words...); got != want {
			t.Errorf("%s: %#x, want %#x", tc.name, got, want)
		}
	}
}

func TestTheHashNeverChanges(t *testing.T) {
	// Somebody may have chosen buckets by it, and another machine's must agree.
	p := v4TCP(t, 1, 2, 1000, 80)
	if l4, sym := p.hash(HashL4), p.hash(HashSymL4); l4 != naiveHash(7, 0, 10<<24|1, 0, 10<<24|2, 6<<32|1000<<16|80) || l4 != sym {
		t.Errorf("%#x and %#x", l4, sym)
	}
}

func TestFragmentsOfADatagramStayTogether(t *testing.T) {
	payload := gopacket.Payload(bytes.Repeat([]byte{9}, 64))
	v4 := func(offset uint16, flags layers.IPv4Flag) flowPacket {
		ip := ipv4(layers.IPProtocolUDP, ip4A, 0, 64)
		ip.FragOffset, ip.Flags = offset, flags
		p := flowPacket{packet(t, ether(layers.EthernetTypeIPv4), ip, payload), 14, 34}
		if offset > 0 {
			p.l4 = 0
		}
		return p
	}
	v6 := func(field byte, l4 int) flowPacket {
		ip := ipv6(ip6A, 0, 0, 64)
		ip.NextHeader = layers.IPProtocolIPv6Fragment
		return flowPacket{packet(t, ether(layers.EthernetTypeIPv6), ip, gopacket.Payload([]byte{17, 0, 0, field, 0, 0, 0, 1}), payload), 14, l4}
	}
	for _, alg := range []HashAlg{HashL4, HashSymL4} {
		if first, later := v4(0, layers.IPv4MoreFragments).hash(alg), v4(4, 0).hash(alg); first != later {
			t.Errorf("%s, IPv4: first fragment %#x, a later one %#x", alg, first, later)
		}
		if first, later := v6(1, 62).hash(alg), v6(8, 0).hash(alg); first != later {
			t.Errorf("%s, IPv6: first fragment %#x, a later one %#x", alg, first, later)
		}
	}
}

func TestFlowsSpreadEvenly(t *testing.T) {
	// 65,536 flows that differ in low bits, over 16 buckets by either end of the hash: within 5 % each.
	for _, alg := range []HashAlg{HashL4, HashSymL4} {
		var low, high [16]int
		p := v4TCP(t, 1, 2, 0, 80)
		for i := range uint32(1 << 16) {
			binary.BigEndian.PutUint16(p.pkt[34+wire.SrcPort:], uint16(i>>4))
			p.pkt[29] = byte(i & 15)
			h := p.hash(alg)
			low[h&15]++
			high[h>>28]++
		}
		for i := range 16 {
			for _, n := range []int{low[i], high[i]} {
				if n < 3891 || n > 4301 {
					t.Errorf("%s: bucket %d has %d of 4096 flows", alg, i, n)
				}
			}
		}
	}
}

func TestTheBasisMakesAnotherHash(t *testing.T) {
	p := v4TCP(t, 1, 2, 3, 4)
	if Hash(HashL4, 0, p.pkt, p.l3, p.l4) == Hash(HashL4, 1, p.pkt, p.l3, p.l4) {
		t.Error("0 and 1 make the same")
	}
}

func FuzzHash(f *testing.F) {
	p := v4TCP(f, 1, 2, 3, 4)
	f.Add(p.pkt, 14, 34)
	f.Fuzz(func(t *testing.T, pkt []byte, l3, l4 int) {
		if l3 < 0 || l3 > len(pkt) || l4 < 0 || l4 > len(pkt) {
			return // extraction gives none such
		}
		Hash(HashL4, 0, pkt, l3, l4)
		Hash(HashSymL4, 0, pkt, l3, l4)
	})
}

func BenchmarkHash(b *testing.B) {
	p := v4TCP(b, 1, 2, 1000, 80)
	b.ReportAllocs()
	for b.Loop() {
		Hash(HashSymL4, 0, p.pkt, p.l3, p.l4)
	}
}
