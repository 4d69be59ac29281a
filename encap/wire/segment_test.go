package wire

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// A segmentRecipe says what TCP packet to build, by a builder that shares nothing with this package.
type segmentRecipe struct {
	name      string
	v6        bool
	tags      int
	ipOptions int // bytes, a multiple of 4
	options   int // bytes of TCP options, a multiple of 4
	seq       uint32
	id        uint16
	fin, cwr  bool
}

func segmentRecipes() []segmentRecipe {
	return []segmentRecipe{
		{name: "ipv4", seq: 1, id: 7},
		{name: "ipv6", v6: true, seq: 1},
		{name: "ipv4 behind a tag, with FIN", tags: 1, fin: true, seq: 99, id: 1},
		{name: "ipv6 behind two tags, with CWR", v6: true, tags: 2, cwr: true, seq: 99},
		{name: "ipv4 with IP and TCP options, FIN and CWR", ipOptions: 8, options: 12, fin: true, cwr: true, id: 3},
		{name: "ipv6 with the most TCP options", v6: true, options: 40},
		{name: "ipv4 whose sequence number and identification wrap", seq: 0xfffffff0, id: 0xfffe},
	}
}

// build returns the part of the packet of r that carries payload from offset off on. first and last
// say which ends of the packet it has.
func (r segmentRecipe) build(payload []byte, part, off int, first, last bool) []byte {
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}}
	typ := &eth.EthernetType
	ls := []gopacket.SerializableLayer{eth}
	for i := range r.tags {
		tag := &layers.Dot1Q{VLANIdentifier: uint16(100 + i)}
		*typ, typ = layers.EthernetTypeDot1Q, &tag.Type
		ls = append(ls, tag)
	}
	tcp := &layers.TCP{
		SrcPort: 80, DstPort: 40000, Seq: r.seq + uint32(off), Ack: 12345, Window: 500, Urgent: 17,
		ACK: true, ECE: true, PSH: last, FIN: r.fin && last, CWR: r.cwr && first,
	}
	for left := r.options; left > 0; {
		n := min(left, 20)
		tcp.Options = append(tcp.Options, layers.TCPOption{OptionType: 253, OptionLength: uint8(n), OptionData: make([]byte, n-2)})
		left -= n
	}
	if r.v6 {
		ip := &layers.IPv6{Version: 6, HopLimit: 63, FlowLabel: 0x12345, NextHeader: layers.IPProtocolTCP,
			SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8:ffff::aa")}
		*typ = layers.EthernetTypeIPv6
		ls = append(ls, ip)
		_ = tcp.SetNetworkLayerForChecksum(ip) // fails for other layers than these two
	} else {
		ip := &layers.IPv4{Version: 4, TOS: 2, TTL: 63, Id: r.id + uint16(part), Flags: layers.IPv4DontFragment,
			Protocol: layers.IPProtocolTCP, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{198, 51, 100, 200}}
		if r.ipOptions > 0 {
			ip.Options = []layers.IPv4Option{{OptionType: 30, OptionLength: uint8(r.ipOptions), OptionData: make([]byte, r.ipOptions-2)}}
		}
		*typ = layers.EthernetTypeIPv4
		ls = append(ls, ip)
		_ = tcp.SetNetworkLayerForChecksum(ip)
	}
	headers := EthernetSize + r.tags*VLANTagSize + IPv4Size + r.ipOptions + TCPSize + r.options
	if r.v6 {
		headers += IPv6Size - IPv4Size
	}
	b := serialize(append(ls, tcp, gopacket.Payload(payload)))
	return b[:headers+len(payload)] // the builder pads to 60 bytes
}

// whole returns the packet of r with size payload bytes.
func (r segmentRecipe) whole(size int) (b, payload []byte) {
	payload = make([]byte, size)
	for i := range payload {
		payload[i] = byte(i*31 + i>>8)
	}
	return r.build(payload, 0, 0, true, true), payload
}

// cutUp cuts b as a switch does: headers copied into dirty memory, patched, the payload summed up.
func cutUp(b []byte, mtu int) (parts [][]byte, ok bool) {
	c, ok := CutTCP(b, len(b))
	size := c.Fit(mtu)
	if !ok || size == 0 {
		return nil, false
	}
	for off := 0; off < c.Payload; off += size {
		n := min(size, c.Payload-off)
		p := bytes.Repeat([]byte{0xa5}, c.Headers+n)
		copy(p, b[:c.Headers])
		copy(p[c.Headers:], b[c.Headers+off:c.Headers+off+n])
		c.PutChecksum(p, c.Patch(p, len(parts), off, n)+Sum(p[c.Headers:], 0))
		parts = append(parts, p)
	}
	return parts, true
}

func TestPartsOfATCPPacketAreWhatItsSenderWouldHaveSent(t *testing.T) {
	for _, r := range segmentRecipes() {
		t.Run(r.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 1001, 1460, 1461, 9000, 32000} {
				for _, mtu := range []int{161, 576, 1500, 9000} {
					b, payload := r.whole(size)
					got, ok := cutUp(b, mtu)
					if !ok {
						t.Fatalf("%d bytes were not cut to an MTU of %d", size, mtu)
					}
					room := mtu - (len(b) - size - EthernetSize - r.tags*VLANTagSize)
					if want := (size + room - 1) / room; len(got) != want {
						t.Fatalf("%d bytes at an MTU of %d became %d parts, want %d", size, mtu, len(got), want)
					}
					for i, p := range got {
						off := i * room
						end := min(off+room, size)
						if want := r.build(payload[off:end], i, off, i == 0, end == size); !bytes.Equal(p, want) {
							t.Fatalf("part %d of %d bytes at an MTU of %d is\n%x, want\n%x", i, size, mtu, p, want)
						}
					}
				}
			}
		})
	}
}

func TestOnlyTheHeadersHaveToBeInTheFirstBuffer(t *testing.T) {
	for _, r := range segmentRecipes() {
		b, payload := r.whole(3000)
		headers := len(b) - len(payload)
		want := Cut{Headers: headers, Payload: len(payload)}
		for n := range len(b) + 1 {
			c, ok := CutTCP(b[:n:n], len(b))
			if ok != (n >= headers) {
				t.Fatalf("%s: cut %v with %d bytes of a packet with %d of headers", r.name, ok, n, headers)
			}
			if ok && (c.Headers != want.Headers || c.Payload != want.Payload) {
				t.Fatalf("%s: %d bytes of headers, %d of payload; want %d, %d", r.name, c.Headers, c.Payload, want.Headers, want.Payload)
			}
			if _, ok := CutTCP(b[:n:n], n); ok != (n == len(b)) {
				t.Fatalf("%s: cut %v when only %d of %d bytes came", r.name, ok, n, len(b))
			}
		}
	}
}

func TestPaddingIsNotCut(t *testing.T) {
	for _, r := range segmentRecipes() {
		b, _ := r.whole(3)
		padded := append(bytes.Clone(b), 0xa5, 0xa5, 0xa5)
		if c, ok := CutTCP(padded, len(padded)); !ok || c.Headers+c.Payload != len(b) {
			t.Errorf("%s: ok %v, %d bytes of a packet of %d", r.name, ok, c.Headers+c.Payload, len(b))
		}
	}
}

func TestWhatIsNotOneTCPSegmentIsNotCut(t *testing.T) {
	v4, v6 := segmentRecipe{}, segmentRecipe{v6: true}
	const l3 = EthernetSize
	for _, c := range []struct {
		name string
		from segmentRecipe
		size int
		edit func(b []byte) []byte
	}{
		{"a segment without payload", v4, 0, nil},
		{"a segment without payload over IPv6", v6, 0, nil},
		{"UDP", v4, 100, func(b []byte) []byte { b[l3+IPv4Protocol] = ProtoUDP; return b }},
		{"UDP over IPv6", v6, 100, func(b []byte) []byte { b[l3+IPv6Next] = ProtoUDP; return b }},
		{"IPv6 with an extension header", v6, 100, func(b []byte) []byte { b[l3+IPv6Next] = ProtoHopOpts; return b }},
		{"another EtherType", v4, 100, func(b []byte) []byte { b[EthType+1] = 6; return b }},
		{"an EtherType that contradicts the version", v4, 100, func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[EthType:], TypeIPv6)
			return b
		}},
		{"three tags", segmentRecipe{tags: 3}, 100, nil},
		{"the first fragment", v4, 100, func(b []byte) []byte { b[l3+IPv4Fragment] |= 0x20; return b }},
		{"a later fragment", v4, 100, func(b []byte) []byte { b[l3+IPv4Fragment+1] = 1; return b }},
		{"an IPv4 header of 16 bytes", v4, 100, func(b []byte) []byte { b[l3] = 0x44; return b }},
		{"a TCP header of 16 bytes", v4, 100, func(b []byte) []byte { b[l3+IPv4Size+TCPDataOff] = 4 << 4; return b }},
		{"a TCP header longer than the packet", v4, 10, func(b []byte) []byte { b[l3+IPv4Size+TCPDataOff] = 15 << 4; return b }},
		{"an IPv4 length beyond the packet", v4, 100, func(b []byte) []byte { b[l3+IPv4Length]++; return b }},
		{"an IPv6 length beyond the packet", v6, 100, func(b []byte) []byte { b[l3+IPv6Length]++; return b }},
		{"an IPv4 length within the headers", v4, 100, func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[l3+IPv4Length:], IPv4Size+TCPSize-1)
			return b
		}},
		{"nothing", v4, 100, func([]byte) []byte { return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _ := c.from.whole(c.size)
			if c.edit != nil {
				b = c.edit(b)
			}
			if cut, ok := CutTCP(b, len(b)); ok {
				t.Errorf("is cut, with %d bytes of headers and %d of payload", cut.Headers, cut.Payload)
			}
		})
	}
}

func TestFitLeavesRoomForTheHeadersBehindEthernet(t *testing.T) {
	for _, c := range []struct {
		r         segmentRecipe
		mtu, want int
	}{
		{segmentRecipe{}, 1500, 1460},
		{segmentRecipe{v6: true}, 1500, 1440},
		{segmentRecipe{tags: 2, options: 12}, 1500, 1448},
		{segmentRecipe{}, 41, 1},
		{segmentRecipe{}, 40, 0},
		{segmentRecipe{}, 0, 0},
	} {
		b, _ := c.r.whole(5000)
		cut, ok := CutTCP(b, len(b))
		if got := cut.Fit(c.mtu); !ok || got != c.want {
			t.Errorf("%+v at an MTU of %d has room for %d bytes, want %d", c.r, c.mtu, got, c.want)
		}
	}
}

func TestSumTellsARightChecksumFromAWrongOne(t *testing.T) {
	for _, r := range segmentRecipes() {
		b, payload := r.whole(1001)
		cut, _ := CutTCP(b, len(b))
		if got := Fold(cut.Sum(b) + Sum(payload, 0)); got != 0xffff {
			t.Errorf("%s: a right checksum sums up to %#x, want 0xffff", r.name, got)
		}
		for _, at := range []int{cut.l3 + 12, cut.l4, cut.l4 + TCPChecksum, cut.Headers - 1} {
			b[at] ^= 0x10
			if got := Fold(cut.Sum(b) + Sum(payload, 0)); got == 0xffff {
				t.Errorf("%s: byte %d is wrong, and the sum does not show it", r.name, at)
			}
			b[at] ^= 0x10
		}
	}
}

func TestCuttingAllocatesNothing(t *testing.T) {
	b, _ := segmentRecipe{}.whole(3000)
	headers := make([]byte, 54)
	if got := testing.AllocsPerRun(100, func() {
		c, _ := CutTCP(b, len(b))
		copy(headers, b)
		c.PutChecksum(headers, c.Patch(headers, 1, 1460, 1460)+c.Sum(b))
	}); got != 0 {
		t.Errorf("%v allocations a part, want 0", got)
	}
}

// FuzzCutTCP holds that whatever is cut, the parts are in bounds, fit the MTU, carry the payload once and
// in order, and have right checksums.
func FuzzCutTCP(f *testing.F) {
	for _, r := range segmentRecipes() {
		b, _ := r.whole(300)
		f.Add(b, uint16(161))
	}
	f.Fuzz(func(t *testing.T, b []byte, mtu uint16) {
		before := bytes.Clone(b)
		c, ok := CutTCP(b, len(b))
		if !ok {
			return
		}
		if c.l3 < EthernetSize || c.l4 < c.l3+IPv4Size || c.Headers < c.l4+TCPSize || c.Payload < 1 || c.Headers+c.Payload > len(b) {
			t.Fatalf("%d bytes are cut at %+v", len(b), c)
		}
		parts, ok := cutUp(b, int(mtu))
		if ok != (int(mtu) > c.Headers-c.l3) {
			t.Fatalf("cut %v to an MTU of %d with %d bytes of headers", ok, mtu, c.Headers-c.l3)
		}
		if !bytes.Equal(b, before) {
			t.Fatal("the packet itself was changed")
		}
		var payload []byte
		for i, p := range parts {
			if len(p)-c.l3 > int(mtu) {
				t.Fatalf("part %d has %d bytes at an MTU of %d", i, len(p)-c.l3, mtu)
			}
			if got := naiveTransport(p, c); got != 0xffff {
				t.Fatalf("the TCP checksum of part %d sums up to %#x, want 0xffff", i, got)
			}
			if ip := p[c.l3:c.l4]; ip[0]>>4 == 4 && naiveSum(ip) != 0xffff {
				t.Fatalf("the IPv4 checksum of part %d sums up to %#x, want 0xffff", i, naiveSum(ip))
			}
			payload = append(payload, p[c.Headers:]...)
		}
		if ok && !bytes.Equal(payload, b[c.Headers:c.Headers+c.Payload]) {
			t.Fatal("the parts carry another payload")
		}
	})
}

// naiveTransport sums up pseudo-header and segment of a packet that ends with its payload.
func naiveTransport(p []byte, c Cut) uint16 {
	ip, segment := p[c.l3:c.l4], p[c.l4:]
	addresses := ip[12:20]
	if ip[0]>>4 == 6 {
		addresses = ip[8:40]
	}
	pseudo := append([]byte(nil), addresses...)
	pseudo = append(pseudo, 0, c.proto(), byte(len(segment)>>8), byte(len(segment)))
	return naiveSum(append(pseudo, segment...))
}

// BenchmarkCutTCP is the headers' share of cutting a 64 KiB packet of a local sender to 1460 payload
// bytes a part; the payload's copy and sum come on top.
func BenchmarkCutTCP(b *testing.B) {
	for _, r := range []segmentRecipe{{name: "ipv4"}, {name: "ipv6", v6: true}} {
		b.Run(r.name, func(b *testing.B) {
			pkt, _ := r.whole(60000)
			headers := make([]byte, len(pkt)-60000)
			parts := 0
			b.ReportAllocs()
			for b.Loop() {
				c, _ := CutTCP(pkt, len(pkt))
				for off := 0; off < c.Payload; off += 1440 {
					copy(headers, pkt)
					c.PutChecksum(headers, c.Patch(headers, parts, off, min(1440, c.Payload-off)))
					parts++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(parts), "ns/pkt")
		})
	}
}
