package wire

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/culvertdev/culvert/ring/frame"
)

// A setCase is a setter and what it does to a recipe: built anew from that, a packet must have the
// same bytes.
type setCase struct {
	name  string
	apply func(r *recipe) bool // false: not for packets like this
	set   func(p packet)
}

var (
	newIPv4 = net.IP{203, 0, 113, 77}
	newIPv6 = net.ParseIP("2001:db8:1:2:3:4:5:6")
)

func setCases() []setCase {
	v6 := [16]byte(newIPv6.To16())
	v4 := binary.BigEndian.Uint32(newIPv4)
	ports := func(r *recipe) bool {
		return r.proto != layers.IPProtocolICMPv4 && r.proto != layers.IPProtocolICMPv6
	}
	return []setCase{
		{"IPv4 source", func(r *recipe) bool { r.src = newIPv4; return !r.v6 },
			func(p packet) { SetIPv4Addr(p.b, p.l3, p.l4, IPv4Src, v4) }},
		{"IPv4 destination", func(r *recipe) bool { r.dst = newIPv4; return !r.v6 },
			func(p packet) { SetIPv4Addr(p.b, p.l3, p.l4, IPv4Dst, v4) }},
		{"IPv6 source", func(r *recipe) bool { r.src = newIPv6; return r.v6 },
			func(p packet) { SetIPv6Addr(p.b, p.l3, p.l4, IPv6Src, &v6) }},
		{"IPv6 destination", func(r *recipe) bool { r.dst = newIPv6; return r.v6 },
			func(p packet) { SetIPv6Addr(p.b, p.l3, p.l4, IPv6Dst, &v6) }},
		{"type of service", func(r *recipe) bool { r.tos = 0xff; return true },
			func(p packet) { SetTOS(p.b, p.l3, 0xff, 0xff) }},
		{"DSCP", func(r *recipe) bool { r.tos = r.tos&0x03 | 0xb8; return true },
			func(p packet) { SetTOS(p.b, p.l3, 0xbb&0xfc|1, 0xfc) }},
		{"ECN", func(r *recipe) bool { r.tos = r.tos&0xfc | 3; return true },
			func(p packet) { SetTOS(p.b, p.l3, 0xff, 0x03) }},
		{"time to live", func(r *recipe) bool { r.ttl = 1; return true },
			func(p packet) { SetTTL(p.b, p.l3, 1, 0xff) }},
		{"flow label", func(r *recipe) bool { r.label = 0xfedcb; return r.v6 },
			func(p packet) { SetIPv6Label(p.b, p.l3, 0xffefedcb) }},
		{"source port", func(r *recipe) bool { r.sport = 0xfffe; return ports(r) },
			func(p packet) { SetL4Port(p.b, p.l3, p.l4, SrcPort, 0xfffe) }},
		{"destination port", func(r *recipe) bool { r.dport = 1; return ports(r) },
			func(p packet) { SetL4Port(p.b, p.l3, p.l4, DstPort, 1) }},
		{"ICMP type and code", func(r *recipe) bool { r.typ, r.code = 3, 4; return !ports(r) },
			func(p packet) { SetICMP(p.b, p.l3, p.l4, 3, 4) }},
	}
}

// setRecipes adds to allRecipes what setters must take care of.
func setRecipes() []recipe {
	noSum := newRecipe(false, layers.IPProtocolUDP)
	noSum.noSum = true
	long := newRecipe(false, layers.IPProtocolSCTP)
	long.size = 3001
	return append(allRecipes(), noSum, long)
}

func TestSettersLeaveAPacketAsIfBuiltAnew(t *testing.T) {
	for _, tc := range setCases() {
		for _, r := range setRecipes() {
			p, changed := r.build(), r
			if !tc.apply(&changed) {
				before := append([]byte(nil), p.b...)
				tc.set(p)
				if !bytes.Equal(p.b, before) {
					t.Errorf("%s of %s changed a packet it is not for", tc.name, p.name)
				}
				continue
			}
			tc.set(p)
			if want := changed.build(); !bytes.Equal(p.b, want.b) {
				t.Errorf("%s of %s\n got %x\nwant %x", tc.name, p.name, p.b[:64], want.b[:64])
			}
		}
	}
}

func TestWrongChecksumStaysWrongByTheSameAmount(t *testing.T) {
	for _, tc := range setCases() {
		for _, r := range allRecipes() {
			p, changed := r.build(), r
			if !tc.apply(&changed) {
				continue
			}
			p.b[len(p.b)-1] ^= 0x40 // damage on the way
			tc.set(p)
			want := changed.build()
			want.b[len(want.b)-1] ^= 0x40
			if !bytes.Equal(p.b, want.b) {
				t.Errorf("%s of %s repaired a damaged packet", tc.name, p.name)
			}
		}
	}
}

func TestSettersOfTruncatedPacketsStayInsideTheHeader(t *testing.T) {
	for _, tc := range setCases() {
		for _, r := range allRecipes() {
			whole := r.build()
			for n := 0; n < len(whole.b); n++ {
				buf := bytes.Repeat([]byte{0xa5}, len(whole.b))
				copy(buf, whole.b[:n])
				p := packet{b: buf[:n:n], l3: whole.l3, l4: whole.l4}
				tc.set(p)
				for _, v := range buf[n:] {
					if v != 0xa5 {
						t.Fatalf("%s of %s cut to %d bytes wrote behind the packet", tc.name, whole.name, n)
					}
				}
				if n <= whole.l3 && !bytes.Equal(buf[:n], whole.b[:n]) {
					t.Fatalf("%s of %s cut to %d bytes changed the Ethernet header", tc.name, whole.name, n)
				}
			}
		}
	}
}

func TestLaterFragmentsKeepTheirPayload(t *testing.T) {
	r := newRecipe(false, layers.IPProtocolUDP)
	p := r.build()
	binary.BigEndian.PutUint16(p.b[p.l3+IPv4Fragment:], 100)
	payload := append([]byte(nil), p.b[p.l4:]...)
	header := p.b[p.l3:p.l4]
	binary.BigEndian.PutUint16(header[IPv4Checksum:], 0)
	binary.BigEndian.PutUint16(header[IPv4Checksum:], Checksum(header))
	for _, tc := range setCases() {
		tc.set(packet{b: p.b, l3: p.l3, l4: 0})
	}
	if !bytes.Equal(p.b[p.l4:], payload) {
		t.Error("the payload of a later fragment was changed")
	}
	if got := naiveSum(p.b[p.l3:p.l4]); got != 0xffff {
		t.Errorf("the header sums to %#x, want 0xffff", got)
	}
}

func TestUpdatedUDPChecksumIsNeverZero(t *testing.T) {
	r := newRecipe(false, layers.IPProtocolUDP)
	p := r.build()
	field := p.b[p.l4+UDPChecksum:]
	check := binary.BigEndian.Uint16(field)
	// The port for which the checksum comes out as 0.
	port := Fold(uint32(r.sport) + uint32(check))
	SetL4Port(p.b, p.l3, p.l4, SrcPort, port)
	if got := binary.BigEndian.Uint16(field); got != 0xffff {
		t.Errorf("checksum is %#x, want 0xffff", got)
	}
}

func TestDestinationUnderARoutingHeaderIsNotInTheChecksum(t *testing.T) {
	r := newRecipe(true, layers.IPProtocolTCP)
	plain := r.build()
	routing := []byte{byte(ProtoTCP), 2, 4, 1, 0, 0, 0, 0} // one segment left
	routing = append(routing, newIPv6.To16()...)
	b := append([]byte(nil), plain.b[:plain.l4]...)
	b = append(append(b, routing...), plain.b[plain.l4:]...)
	b[plain.l3+IPv6Next] = ProtoRouting
	binary.BigEndian.PutUint16(b[plain.l3+IPv6Length:], uint16(len(b)-plain.l4))
	l4 := plain.l4 + len(routing)
	before := append([]byte(nil), b[l4:]...)
	addr := [16]byte{1}
	SetIPv6Addr(b, plain.l3, l4, IPv6Dst, &addr)
	if !bytes.Equal(b[l4:], before) {
		t.Error("the checksum was changed for an address that it does not cover")
	}
	SetIPv6Addr(b, plain.l3, l4, IPv6Src, &addr)
	if bytes.Equal(b[l4:], before) {
		t.Error("the checksum was not changed for an address that it covers")
	}
}

func TestVLANTagsArePushedSetAndPopped(t *testing.T) {
	pool, c := newTestPool(t)
	defer closeTestPool(t, pool, c)
	plain := newRecipe(false, layers.IPProtocolTCP).build()
	f := newChain(t, pool, c, plain.b, len(plain.b))
	if PopVLAN(pool, &f) || SetVLAN(pool.Bytes(f), TypeVLAN, 1) {
		t.Error("an untagged frame had a tag")
	}
	if !PushVLAN(pool, &f, TypeVLAN, 0xb064) || !PushVLAN(pool, &f, TypeSVLAN, 7) {
		t.Fatal("no room for a tag")
	}
	if !SetVLAN(pool.Bytes(f), TypeSVLAN, 0x3008) {
		t.Error("a tagged frame had no tag")
	}
	d := gopacket.NewPacket(pool.Bytes(f), layers.LayerTypeEthernet, gopacket.Default)
	var tags []*layers.Dot1Q
	for _, l := range d.Layers() {
		if q, ok := l.(*layers.Dot1Q); ok {
			tags = append(tags, q)
		}
	}
	if len(tags) != 2 || tags[0].VLANIdentifier != 8 || tags[0].Priority != 1 || tags[0].DropEligible ||
		tags[1].VLANIdentifier != 100 || tags[1].Priority != 5 {
		t.Errorf("got tags %v", tags)
	}
	outer, inner := PopVLAN(pool, &f), PopVLAN(pool, &f)
	if !outer || !inner || !bytes.Equal(pool.Bytes(f), plain.b) {
		t.Errorf("after push and pop the frame is %x, want %x", pool.Bytes(f), plain.b)
	}
	for PushVLAN(pool, &f, TypeVLAN, 1) { // until the headroom is used up
	}
	if got := pool.Headroom(f); got >= VLANTagSize {
		t.Errorf("push gave up with %d bytes of headroom", got)
	}
	c.Put(f)
}

func TestVLANTagsMoveWhatIsLeftToTheReceiver(t *testing.T) {
	pool, c := newTestPool(t)
	defer closeTestPool(t, pool, c)
	plain := newRecipe(false, layers.IPProtocolTCP).build()
	f := newChain(t, pool, c, plain.b, 60) // a chain: the tag goes into its first buffer
	f.SetFlags(frame.HasOffload)
	want := frame.Offload{CsumStart: 34, CsumOffset: 16, HeaderLen: 54, GSO: frame.GSOTCPv4, Csum: frame.NeedsCsum}
	pool.Meta(f).Offload = want
	if !PushVLAN(pool, &f, TypeVLAN, 5) {
		t.Fatal("no room for a tag")
	}
	if got := pool.Meta(f).Offload; got.CsumStart != 38 || got.HeaderLen != 58 || got.CsumOffset != 16 {
		t.Errorf("after a push the offload is %+v", got)
	}
	if got, want := pool.Total(f), len(plain.b)+VLANTagSize; got != want {
		t.Errorf("after a push the packet has %d bytes, want %d", got, want)
	}
	PopVLAN(pool, &f)
	if got := pool.Meta(f).Offload; got != want {
		t.Errorf("after push and pop the offload is %+v, want %+v", got, want)
	}
	c.Put(f)
}

func TestVLANOfAFrameTooShortIsLeftAlone(t *testing.T) {
	pool, c := newTestPool(t)
	defer closeTestPool(t, pool, c)
	b := make([]byte, EthernetSize+VLANTagSize-1)
	binary.BigEndian.PutUint16(b[EthType:], TypeVLAN)
	for n := range b {
		f := newChain(t, pool, c, b[:n], len(b))
		if PopVLAN(pool, &f) || SetVLAN(pool.Bytes(f), TypeVLAN, 1) {
			t.Errorf("a tag was found in %d bytes", n)
		}
		if pushed := PushVLAN(pool, &f, TypeVLAN, 1); pushed != (n >= EthernetSize) {
			t.Errorf("push on %d bytes: %v", n, pushed)
		}
		c.Put(f)
	}
}

func TestSettersAllocateNothing(t *testing.T) {
	for _, r := range allRecipes() {
		p := r.build()
		for _, tc := range setCases() {
			if n := testing.AllocsPerRun(10, func() { tc.set(p) }); n != 0 {
				t.Errorf("%s of %s: %v allocations, want 0", tc.name, p.name, n)
			}
		}
	}
}

// FuzzSetters: whatever the bytes and offsets, no panic, and the frame keeps its Ethernet header.
func FuzzSetters(f *testing.F) {
	for _, r := range allRecipes() {
		p := r.build()
		f.Add(p.b, p.l3, p.l4)
	}
	f.Fuzz(func(t *testing.T, b []byte, l3, l4 int) {
		if l3 > 0 && l3 < EthernetSize {
			return // extraction finds no network header inside the Ethernet header
		}
		header := append([]byte(nil), b[:min(len(b), EthernetSize)]...)
		for _, tc := range setCases() {
			tc.set(packet{b: b, l3: l3, l4: l4})
		}
		SeedChecksum(b, l3, l4)
		if !bytes.Equal(b[:len(header)], header) {
			t.Fatal("a setter changed the Ethernet header")
		}
	})
}
