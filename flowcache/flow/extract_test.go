package flow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/ring/frame"
)

// A rig extracts packets one at a time into Keys full of old bytes.
type rig struct {
	tb    testing.TB
	pool  *frame.Pool
	cache *frame.Cache
	keys  *Keys
}

func newRig(tb testing.TB) *rig {
	r := &rig{tb: tb, keys: new(Keys)}
	r.pool, r.cache = newTestPool(tb)
	tb.Cleanup(func() { closeTestPool(tb, r.pool, r.cache, new(frame.Batch)) })
	return r
}

// dirty fills k with bytes that extraction must not let through.
func (r *rig) dirty(v byte) {
	for i := range r.keys.Block {
		for j := range r.keys.Block[i] {
			r.keys.Block[i][j] = Block(bytes.Repeat([]byte{v}, BlockSize))
		}
	}
	for i := range frame.MaxBatch {
		r.keys.Hash[i], r.keys.L3[i], r.keys.L4[i] = uint64(v), uint16(v), uint16(v)
	}
	r.keys.Short = ^uint64(0)
}

// extract returns what Extract finds in a packet whose first buffer has up to first bytes.
func (r *rig) extract(pkt []byte, limit, first int) (twin, uint64) {
	r.tb.Helper()
	e := &Extractor{VLANLimit: limit, Seed: FixedSeed(1)}
	var b frame.Batch
	b.Append(newChain(r.tb, r.pool, r.cache, pkt, first))
	e.Extract(r.pool, 7, 9, &b, r.keys)
	r.cache.PutBatch(&b)
	got := twin{l3: int(r.keys.L3[0]), l4: int(r.keys.L4[0]), short: r.keys.Short == 1}
	if r.keys.N != 1 || r.keys.Short > 1 {
		r.tb.Fatalf("%d keys, short %#x", r.keys.N, r.keys.Short)
	}
	r.keys.Key(0, &got.key)
	return got, r.keys.Hash[0]
}

// check holds extraction of pkt against the twin, twice over different old bytes.
func (r *rig) check(pkt []byte, limit int) {
	r.tb.Helper()
	want := twinExtract(pkt, 7, 9, limit)
	var hashes [2]uint64
	for i, old := range []byte{0xa5, 0x00} {
		r.dirty(old)
		var got twin
		got, hashes[i] = r.extract(pkt, limit, r.pool.Room())
		if got != want {
			r.tb.Fatalf("packet %x\n got %s\nwant %s", pkt, describe(got), describe(want))
		}
	}
	if hashes[0] != hashes[1] {
		r.tb.Fatalf("packet %x: the hash depends on old bytes", pkt)
	}
	var same Keys
	seed := FixedSeed(1)
	if same.Set(&want.key, &seed); hashes[0] != same.Hash[0] {
		r.tb.Fatalf("packet %x: the hash is %#x, that of its key %#x", pkt, hashes[0], same.Hash[0])
	}
}

func describe(t twin) string {
	m := Match{Key: t.key}
	for f := FieldID(1); f < NumFields; f++ {
		if (*Mask)(&t.key).Any(f) {
			m.Mask.SetExact(f)
		}
	}
	return fmt.Sprintf("short=%v l3=%d l4=%d %s\n%x", t.short, t.l3, t.l4, &m, t.key[:FastBlocks])
}

// corpus has packets of every kind that extraction knows, by a name that says what is special.
func corpus() map[string][]byte {
	udp := udp4Packet(60)
	edit := func(pkt []byte, off int, v ...byte) []byte {
		pkt = append([]byte(nil), pkt...)
		copy(pkt[off:], v)
		return pkt
	}
	insert := func(pkt []byte, off int, v ...byte) []byte {
		out := append([]byte(nil), pkt[:off]...)
		return append(append(out, v...), pkt[off:]...)
	}
	// extend puts an IPv6 extension header in front of the payload.
	extend := func(pkt []byte, kind byte, h ...byte) []byte {
		h[0] = pkt[20]
		pkt = edit(insert(pkt, 54, h...), 20, kind)
		binary.BigEndian.PutUint16(pkt[18:], binary.BigEndian.Uint16(pkt[18:])+uint16(len(h)))
		return pkt
	}
	tcp6 := tcp6Packet(100)
	nd := neighbourSolicitation()
	snap := []byte{0xaa, 0xaa, 3, 0, 0, 0}
	llc := edit(insert(udp, 12, 0, 46), 14, snap...)
	return map[string][]byte{
		"UDP":                             udp,
		"TCP":                             tcp4Packet(90),
		"TCP over IPv6":                   tcp6,
		"one tag":                         vlanPacket(64),
		"two tags":                        insert(vlanPacket(64), 12, 0x88, 0xa8, 0x20, 0x07),
		"three tags":                      insert(vlanPacket(64), 12, 0x88, 0xa8, 0x20, 0x07, 0x81, 0, 0, 1),
		"tag with DEI":                    edit(vlanPacket(64), 14, 0x10),
		"ARP":                             arpPacket(),
		"RARP":                            edit(arpPacket(), 12, 0x80, 0x35),
		"ARP operation 256":               edit(arpPacket(), 20, 1, 0),
		"ARP for another network":         edit(arpPacket(), 16, 0x86, 0xdd),
		"ARP over another link":           edit(arpPacket(), 14, 0, 6),
		"LLC":                             edit(udp, 12, 0, 46),
		"SNAP IPv4":                       insert(edit(insert(udp, 12, 0, 46), 14, snap...), 20, 8, 0),
		"SNAP of another organization":    edit(llc, 19, 7),
		"SNAP with a length":              edit(llc, 20, 5, 0xdc),
		"MPLS of one label":               insert(edit(udp, 12, 0x88, 0x47), 14, 0, 1, 1, 64),
		"MPLS of two labels":              insert(edit(udp, 12, 0x88, 0x48), 14, 0, 1, 0, 64, 0, 2, 3, 64),
		"MPLS of four labels":             insert(edit(udp, 12, 0x88, 0x47), 14, 0, 1, 0, 1, 0, 2, 0, 2, 0, 3, 0, 3, 0, 4, 1, 4),
		"IPv4 of version 5":               edit(udp, 14, 0x55),
		"IPv4 with a header of 16 bytes":  edit(udp, 14, 0x44),
		"IPv4 with options":               edit(udp, 14, 0x46),
		"IPv4 longer than the frame":      edit(udp, 16, 0, 47),
		"IPv4 as long as the frame":       edit(udp, 16, 0, 46),
		"IPv4 shorter than its header":    edit(udp, 16, 0, 19),
		"IPv4 cut before the UDP header":  edit(udp, 16, 0, 27),
		"IPv4 first fragment":             edit(udp, 20, 0x20, 0),
		"IPv4 later fragment":             edit(udp, 20, 0x00, 1),
		"IPv4 do not fragment":            edit(udp, 20, 0x40, 0),
		"TCP header of 16 bytes":          edit(tcp4Packet(90), 46, 0x40),
		"TCP header beyond the packet":    edit(tcp4Packet(60), 46, 0xf0),
		"TCP all flags":                   edit(tcp4Packet(90), 46, 0x5f, 0xff),
		"SCTP":                            edit(udp4Packet(80), 23, 132),
		"ICMP":                            edit(udp, 23, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 8, 5),
		"IGMP":                            edit(udp, 23, 2),
		"ICMPv6 in IPv4":                  edit(udp, 23, 58, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 135, 0),
		"unknown protocol":                edit(udp, 23, 200),
		"IPv6 hop-by-hop":                 extend(tcp6, 0, 0, 0, 1, 4, 0, 0, 0, 0),
		"IPv6 hop-by-hop and routing":     extend(extend(tcp6, 43, make([]byte, 8)...), 0, make([]byte, 8)...),
		"IPv6 routing of 24 bytes":        extend(tcp6, 43, append([]byte{0, 2, 4, 1}, make([]byte, 20)...)...),
		"IPv6 AH of 24 bytes":             extend(tcp6, 51, append([]byte{0, 4}, make([]byte, 22)...)...),
		"IPv6 first fragment":             extend(tcp6, 44, 0, 0, 0, 1, 0, 0, 0, 9),
		"IPv6 later fragment":             extend(tcp6, 44, 0, 0, 0, 8, 0, 0, 0, 9),
		"IPv6 atomic fragment":            extend(tcp6, 44, 0, 0, 0, 0, 0, 0, 0, 9),
		"IPv6 reserved fragment bit":      extend(tcp6, 44, 0, 0, 0, 2, 0, 0, 0, 9),
		"IPv6 header beyond the packet":   extend(tcp6, 60, 0, 200, 0, 0, 0, 0, 0, 0),
		"IPv6 longer than the frame":      edit(tcp6, 18, 1, 0),
		"IPv6 without payload":            edit(tcp6, 18, 0, 0),
		"IPv6 no next header":             edit(tcp6, 20, 59),
		"IPv6 hop-by-hop without payload": edit(tcp6, 18, 0, 0, 0),
		"ND solicitation":                 nd,
		"ND advertisement":                edit(nd, 54, 136),
		"ND with target address":          edit(nd, 78, 2),
		"ND with code":                    edit(nd, 54, 135, 1),
		"ND with an option of length 0":   edit(nd, 79, 0),
		"ND with an option too long":      edit(nd, 79, 2),
		"ND with an unknown option":       edit(nd, 78, 14),
		"ND with an address twice":        edit(insert(nd, 78, nd[78:86]...), 18, 0, 40),
		"ND with both addresses":          edit(insert(nd, 78, 2, 1, 9, 9, 9, 9, 9, 9), 18, 0, 40),
		"ND with a zero address twice":    edit(insert(edit(nd, 80, 0, 0, 0, 0, 0, 0), 78, 1, 1, 0, 0, 0, 0, 0, 0), 18, 0, 40),
		"ND without options":              edit(nd, 18, 0, 24),
		"ND without target":               edit(nd, 18, 0, 23),
		"unknown type":                    edit(udp, 12, 0x12, 0x34),
	}
}

// TestCachedFlowsOfWholePacketsWithAndWithoutAFragmentHeaderPrintDifferently: what looked at the header has two flows, and nw_frag is "no" in both.
func TestCachedFlowsOfWholePacketsWithAndWithoutAFragmentHeaderPrintDifferently(t *testing.T) {
	r := newRig(t)
	for name, want := range map[string]string{
		"IPv6 atomic fragment": "ipv6,nw_frag=no,nw_atomic=1",
		"IPv6 hop-by-hop":      "ipv6,nw_frag=no,nw_atomic=0",
	} {
		packet, _ := r.extract(corpus()[name], 1, r.pool.Room())
		m := Match{Key: packet.key}
		m.Mask.SetExact(FieldEthType)
		m.Mask.SetExact(FieldIPFrag)
		packet.key.FragmentHeader(&m.Mask)
		m.Apply()
		if got := m.String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if again := mustParse(t, want); again != m {
			t.Errorf("%s: read again it is %s", want, again.String())
		}
	}
}

// TestAWholePacketBehindAFragmentHeaderIsNoFragmentToRules: as in OVS; FragAtomic is beside nw_frag.
func TestAWholePacketBehindAFragmentHeaderIsNoFragmentToRules(t *testing.T) {
	r := newRig(t)
	for name, want := range map[string]byte{
		"IPv6 atomic fragment": FragAtomic,
		"IPv6 first fragment":  FragAny,
		"IPv6 later fragment":  FragAny | FragLater,
		"IPv6 hop-by-hop":      0,
	} {
		whole, _ := r.extract(corpus()[name], 1, r.pool.Room())
		k, uses := whole.key, Mask{}
		if got := k[Base][OffIPFrag]; got != want || k.Uint(FieldIPFrag) != uint64(want&^FragAtomic) || k.FragmentHeader(&uses) != (want != 0) {
			t.Errorf("%s: %#x, want %#x; nw_frag is %d", name, got, want, k.Uint(FieldIPFrag))
		}
		if again, _ := r.extract(k.Compose(), 1, r.pool.Room()); again.key[Base][OffIPFrag] != want {
			t.Errorf("%s, composed: %#x, want %#x", name, again.key[Base][OffIPFrag], want)
		}
	}
}

// shorten returns the first n bytes of pkt with the length in its IP header, if it has one, set to what
// is left: a packet that was sent short, not cut on the way.
func shorten(pkt []byte, n int) []byte {
	pkt = append([]byte(nil), pkt[:n]...)
	switch {
	case n >= 34 && pkt[12] == 0x08 && pkt[13] == 0x00:
		binary.BigEndian.PutUint16(pkt[16:], uint16(n-14))
	case n >= 54 && pkt[12] == 0x86 && pkt[13] == 0xdd:
		binary.BigEndian.PutUint16(pkt[18:], uint16(n-54))
	}
	return pkt
}

func TestExtractionAgreesWithTheTwinAtEveryTruncatedLength(t *testing.T) {
	r := newRig(t)
	for name, pkt := range corpus() {
		t.Run(name, func(t *testing.T) {
			r.tb = t
			for n := 0; n <= len(pkt); n++ {
				for limit := 1; limit <= MaxVLANs; limit++ {
					r.check(pkt[:n], limit)
					r.check(shorten(pkt, n), limit)
				}
			}
		})
	}
}

func TestPaddingMakesNoDifference(t *testing.T) {
	r := newRig(t)
	for name, pkt := range corpus() {
		if typ := binary.BigEndian.Uint16(pkt[12:]); typ != 0x0800 && typ != 0x86dd {
			continue
		}
		want, _ := r.extract(pkt, 1, r.pool.Room())
		if want.l3 == 0 {
			continue // malformed: what is padding is unknown
		}
		for _, n := range []int{1, 46, 255, 256, 300, 1400} { // CVE-2020-35498 is about more than 255
			padded := append(append([]byte(nil), pkt...), bytes.Repeat([]byte{0xff}, n)...)
			if got, _ := r.extract(padded, 1, r.pool.Room()); got != want {
				t.Errorf("%s with %d bytes of padding\n got %s\nwant %s", name, n, describe(got), describe(want))
			}
		}
	}
}

func TestChainExtractsAsOneBuffer(t *testing.T) {
	r := newRig(t)
	for name, pkt := range corpus() {
		long := append(append([]byte(nil), pkt...), make([]byte, 3000)...)
		if name == "TCP" || name == "UDP" { // a length that only the whole chain has
			binary.BigEndian.PutUint16(long[16:], uint16(len(long)-14))
		}
		want := twinExtract(long, 7, 9, 1)
		for _, first := range []int{1600, 500, len(pkt)} {
			if got, _ := r.extract(long, 1, first); got != want {
				t.Errorf("%s with %d bytes in the first buffer\n got %s\nwant %s", name, first, describe(got), describe(want))
			}
		}
	}
}

func TestHeadersBeyondTheFirstBufferCountAsCutOff(t *testing.T) {
	r := newRig(t)
	pkt := tcp4Packet(200)
	for first := 1; first < len(pkt); first++ {
		got, _ := r.extract(pkt, 1, first)
		switch {
		case first < 14:
			if !got.short {
				t.Errorf("%d bytes in the first buffer are not short", first)
			}
		case first < 34:
			if got.l3 != 0 || got.key.Uint(FieldIPProto) != 0 {
				t.Errorf("%d bytes in the first buffer gave an IP header", first)
			}
		case first < 54:
			if got.l4 != 34 || got.key.Uint(FieldTCPSrc) != 0 {
				t.Errorf("%d bytes in the first buffer gave ports", first)
			}
		default:
			if got.key.Uint(FieldTCPSrc) != 40000 {
				t.Errorf("%d bytes in the first buffer gave no ports", first)
			}
		}
	}
}

func TestExtractedFieldsAreThoseOfThePacket(t *testing.T) {
	r := newRig(t)
	for _, tc := range []struct {
		name, want string
		pkt        []byte
	}{
		{"UDP", "udp,recirc_id=0x9,in_port=7,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=184,nw_ecn=1,nw_ttl=64,tp_src=1111,tp_dst=53", udp4Packet(60)},
		{"TCP over IPv6", "tcp6,recirc_id=0x9,in_port=7,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,ipv6_src=2001:db8::1,ipv6_dst=2001:db8::2,ipv6_label=0x0beef,nw_tos=40,nw_ecn=2,nw_ttl=63,tp_src=40000,tp_dst=80,tcp_flags=syn|ack|ns", tcp6Packet(80)},
		{"VLAN", "udp,recirc_id=0x9,in_port=7,dl_vlan=100,dl_vlan_pcp=5,vlan_tpid=0x8100,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=184,nw_ecn=1,nw_ttl=64,tp_src=1111,tp_dst=53", vlanPacket(64)},
		{"ARP", "arp,recirc_id=0x9,in_port=7,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_op=2,arp_sha=02:00:00:00:00:01,arp_tha=02:00:00:00:00:02", arpPacket()},
		{"ND", "icmp6,recirc_id=0x9,in_port=7,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,ipv6_src=2001:db8::1,ipv6_dst=2001:db8::2,ipv6_label=0x0beef,nw_tos=40,nw_ecn=2,nw_ttl=63,icmp_type=135,nd_target=2001:db8::2,nd_sll=02:00:00:00:00:01", neighbourSolicitation()},
	} {
		got, _ := r.extract(tc.pkt, 1, r.pool.Room())
		want, err := ParseMatch(tc.want, Names{})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		got.key[Base][OffBlocks] = 0
		if got.key != want.Key {
			t.Errorf("%s\n got %s\nwant %s", tc.name, describe(got), tc.want)
		}
	}
}

func TestKeysOfABatchAreThoseOfItsFrames(t *testing.T) {
	r := newRig(t)
	e := &Extractor{VLANLimit: 2, Seed: FixedSeed(3)}
	var pkts [][]byte
	for _, pkt := range corpus() {
		pkts = append(pkts, pkt, pkt[:len(pkt)%14])
	}
	for len(pkts) > 0 {
		n := min(len(pkts), frame.MaxBatch)
		var b frame.Batch
		for _, pkt := range pkts[:n] {
			b.Append(newFrame(t, r.pool, r.cache, pkt))
		}
		r.dirty(0xa5)
		e.Extract(r.pool, 7, 9, &b, r.keys)
		for i, pkt := range pkts[:n] {
			want := twinExtract(pkt, 7, 9, 2)
			got := twin{l3: int(r.keys.L3[i]), l4: int(r.keys.L4[i]), short: r.keys.Short>>i&1 == 1}
			r.keys.Key(i, &got.key)
			if got != want {
				t.Errorf("frame %d of a batch\n got %s\nwant %s", i, describe(got), describe(want))
			}
		}
		r.cache.PutBatch(&b)
		pkts = pkts[n:]
	}
}

func TestExtractionAllocatesNothing(t *testing.T) {
	pool, c := newTestPool(t)
	var b frame.Batch
	for _, pkt := range corpus() {
		if b.Room() > 0 {
			b.Append(newFrame(t, pool, c, pkt))
		}
	}
	defer closeTestPool(t, pool, c, &b)
	e, k := &Extractor{Seed: NewSeed()}, new(Keys)
	if n := testing.AllocsPerRun(100, func() { e.Extract(pool, 1, 0, &b, k) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// FuzzExtract: whatever the bytes and however they are cut, extraction agrees with the twin and lets no
// old bytes through.
func FuzzExtract(f *testing.F) {
	for _, pkt := range corpus() {
		f.Add(pkt, uint8(1), uint16(0))
	}
	f.Add(build(0, ethernet(layers.EthernetTypeIPv6), ip6(layers.IPProtocolUDP)), uint8(2), uint16(40))
	r := newRig(f)
	f.Fuzz(func(t *testing.T, pkt []byte, limit uint8, first uint16) {
		r.tb = t
		if len(pkt) > 60000 {
			return
		}
		n := 1 + int(limit)%MaxVLANs
		if len(pkt) <= r.pool.Room() {
			r.check(pkt, n)
		}
		// In a chain the outcome is that of one buffer as long as the headers are in the first; cut
		// anywhere else it must be the same each time.
		r.dirty(0xa5)
		a, hashA := r.extract(pkt, n, 1+int(first)%r.pool.Room())
		r.dirty(0x5a)
		b, hashB := r.extract(pkt, n, 1+int(first)%r.pool.Room())
		if a != b || hashA != hashB {
			t.Fatalf("the same chain gave two keys\n%s\n%s", describe(a), describe(b))
		}
	})
}
