package encap

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

func TestSourcePortsTellFlowsApartWithinTheirRange(t *testing.T) {
	for hash, want := range map[uint32]uint16{0: 32768, 1 << 31: 32768 + 28233/2, 1<<32 - 1: 61000} {
		if got := sourcePort(hash); got != want {
			t.Errorf("hash %#x: port %d, want %d", hash, got, want)
		}
	}
	l := newLab(t)
	o := over4(Outer{Type: VXLAN})
	seen := make(map[uint16]bool)
	for source := range uint16(200) {
		inner := innerUDP(0, 1)
		binary.BigEndian.PutUint16(inner[34:], source)
		inner[14+wire.IPv4ID] = byte(source) // which says nothing of the flow
		seen[binary.BigEndian.Uint16(l.push(&o, inner)[34:])] = true
	}
	if len(seen) < 190 {
		t.Errorf("200 flows have %d source ports", len(seen))
	}
}

// TestFlowsInGREOverIPv6HaveFlowLabels (RFC 6438 section 3): there is no port that routers could spread them by.
func TestFlowsInGREOverIPv6HaveFlowLabels(t *testing.T) {
	l := newLab(t)
	label := func(o Outer, i uint16) uint32 {
		inner := innerUDP(0, 10)
		binary.BigEndian.PutUint16(inner[34:], i)
		return binary.BigEndian.Uint32(l.push(&o, inner)[14:]) & maxLabel
	}
	for _, o := range []Outer{over6(Outer{Type: GRE, HasKey: true, Key: 5}), over6(Outer{Type: NVGRE, Key: 5}), over6(Outer{Type: ERSPAN})} {
		seen := map[uint32]bool{}
		for i := range uint16(200) {
			one := label(o, i)
			if one == 0 || one != label(o, i) {
				t.Fatalf("%s: label %#x, and then another", o.Type, one)
			}
			seen[one] = true
		}
		if len(seen) < 190 {
			t.Errorf("%s: 200 flows have %d labels", o.Type, len(seen))
		}
	}
	if got := label(over6(Outer{Type: GRE, Label: 7}), 1); got != 7 {
		t.Errorf("label %d, want the one that is said", got)
	}
	if got := label(over6(Outer{Type: VXLAN}), 1); got != 0 {
		t.Errorf("with UDP, whose source port is enough: label %#x", got)
	}
}

func TestPacketsAreNumberedInTheirOrder(t *testing.T) {
	l := newLab(t)
	for _, o := range []Outer{over4(Outer{Type: GRE, Sequence: true, Counter: 7}), over6(Outer{Type: ERSPAN, Counter: 8, ERSPAN: Span{Version: 2}})} {
		words, err := AppendStack(nil, &o)
		if err != nil {
			t.Fatal(err)
		}
		at := descriptor(words[0]).sequence()
		want := uint32(0)
		for range 3 {
			fs := []frame.Frame{l.frame(innerUDP(0, 1)), l.frame(innerUDP(0, 2))}
			l.pusher.Now = 12_345_600_000
			l.pusher.Push(words, fs, []uint16{14, 14}, []uint16{34, 34})
			for _, f := range fs {
				pkt := l.pool.Bytes(f)
				if got := binary.BigEndian.Uint32(pkt[at:]); got != want {
					t.Errorf("%s: number %d, want %d", o.Type, got, want)
				}
				if o.Type == ERSPAN && binary.BigEndian.Uint32(pkt[len(pkt)-43-8:]) != 123456 && want%2 == 0 {
					t.Errorf("the time is not said in units of 100 µs")
				}
				want++
				l.c.Put(f)
			}
		}
	}
}

func TestPacketsThatMayBeCutHaveIdentificationsOfTheirOwn(t *testing.T) {
	l := newLab(t)
	l.pusher.Counters = NewCounters()
	o := over4(Outer{Type: VXLAN})
	seen := map[uint16]bool{}
	for range 200 {
		pkt := l.push(&o, innerUDP(0, 1))
		tosTTL(t, pkt)
		seen[binary.BigEndian.Uint16(pkt[14+wire.IPv4ID:])] = true
	}
	if len(seen) != 200 {
		t.Errorf("%d identifications for 200 packets", len(seen))
	}
}

func TestFramesThatCannotBePushedStayAsTheyAre(t *testing.T) {
	l := newLab(t)
	o := over6(Outer{Type: Geneve, Options: fullOptions()})
	words, err := AppendStack(nil, &o)
	if err != nil {
		t.Fatal(err)
	}
	good := l.frame(innerUDP(0, 10))
	tight := l.frame(innerUDP(0, 10))
	l.pool.Prepend(&tight, frame.Headroom-o.Size()+1)
	kept := l.frame(innerUDP(0, 10))
	kept.SetFlags(frame.HasTunnel) // the stack takes the place of what is known of the headers before it
	long := l.frame(make([]byte, 65535-300))
	wish := l.frame(innerUDP(0, 10))
	wish.SetFlags(frame.HasOffload)
	l.pool.Meta(wish).Offload = frame.Offload{Csum: frame.NeedsCsum}
	checked := l.frame(innerUDP(0, 10))
	checked.SetFlags(frame.HasOffload)
	l.pool.Meta(checked).Offload = frame.Offload{Csum: frame.CsumValid}

	fs := []frame.Frame{good, tight, kept, long, wish, checked}
	before := append([]frame.Frame{}, fs...)
	left := l.pusher.Push(words, fs, make([]uint16, len(fs)), make([]uint16, len(fs)))
	if want := uint64(1<<1 | 1<<3 | 1<<4); left != want {
		t.Fatalf("left %b, want %b", left, want)
	}
	for i, want := range map[int]Reason{1: NoHeadroom, 3: TooLong, 4: Unfinished} {
		if got := l.pusher.Why(words, fs[i]); got != want || fs[i] != before[i] {
			t.Errorf("frame %d: %s, want %s; changed: %t", i, got, want, fs[i] != before[i])
		}
	}
	for _, f := range fs {
		if f.Flags() != 0 && f != wish {
			t.Errorf("flags %d are left", f.Flags())
		}
		l.c.Put(f)
	}
}

func TestStacksThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		want string
		o    Outer
	}{
		{"tunnel type 0: there is no such type", over4(Outer{})},
		{"tunnel from invalid IP to invalid IP: want two IPv4 or two IPv6 addresses", Outer{Type: VXLAN, TTL: 1}},
		{"tunnel from 192.0.2.1 to 2001:db8::1: want two IPv4 or two IPv6 addresses", Outer{Type: VXLAN, TTL: 1, Src: addr4a, Dst: addr6a}},
		{"underlay VLAN: want priority and identifier only", over4(Outer{Type: VXLAN, VLAN: 0x1001})},
		{"type of service 0x3: want the lower two bits 0", over4(Outer{Type: VXLAN, TOS: 3})},
		{"flow label: IPv4 has none", over4(Outer{Type: VXLAN, Label: 1})},
		{"flow label 0x100000: want at most 0xfffff", over6(Outer{Type: VXLAN, Label: 1 << 20})},
		{"key 16777216: want at most 16777215", over4(Outer{Type: Geneve, Key: 1 << 24})},
		{"key 1024: want at most 1023", over4(Outer{Type: ERSPAN, Key: 1024, ERSPAN: Span{Version: 1}})},
		{"key: the header has none", over4(Outer{Type: GRE, Key: 1})},
		{"ports: gre has none", over4(Outer{Type: GRE, DstPort: 1})},
		{"sequence numbers: vxlan has none of its own", over4(Outer{Type: VXLAN, Sequence: true})},
		{"counter 4096: want less than 4096", over4(Outer{Type: GRE, Counter: 4096})},
		{"options: vxlan has none", over4(Outer{Type: VXLAN, Options: make([]byte, 4)})},
		{"256 bytes of options: want at most 252", over4(Outer{Type: Geneve, Options: make([]byte, 256)})},
		{"options: want whole ones, a multiple of 4 bytes each and at most 252 together", over4(Outer{Type: Geneve, Options: []byte{0, 0, 0, 1}})},
		{"extensions: geneve has none", over4(Outer{Type: Geneve, GPE: true})},
		{"want one of the extensions gbp and gpe: they have the same bits", over4(Outer{Type: VXLAN, GPE: true, HasGBP: true})},
		{"group policy: the tunnel has no extension gbp", over4(Outer{Type: VXLAN, GBP: GBP{ID: 1}})},
		{"group policy flags: want 0x40 and 0x08 only", over4(Outer{Type: VXLAN, HasGBP: true, GBP: GBP{Flags: 1}})},
		{"ERSPAN fields: gre has none", over4(Outer{Type: GRE, ERSPAN: Span{Version: 1}})},
		{"ERSPAN version 3: want 0, 1 or 2", over4(Outer{Type: ERSPAN, ERSPAN: Span{Version: 3}})},
		{"ERSPAN session 1: version 0 has none", over4(Outer{Type: ERSPAN, Key: 1})},
		{"checksum: erspan has none", over4(Outer{Type: ERSPAN, Checksum: true})},
		{"checksum: nvgre has none", over4(Outer{Type: NVGRE, Checksum: true})},
	} {
		t.Run(c.want, func(t *testing.T) {
			words, err := AppendStack([]uint64{7}, &c.o)
			if errorText(err) != c.want || len(words) != 1 {
				t.Errorf("got %v and %d words", err, len(words))
			}
		})
	}
	o := over4(Outer{Type: VXLAN})
	if o.TTL = 0; errorText(o.Check()) != "TTL 0: want 1 to 255" {
		t.Errorf("got %v", o.Check())
	}
}

func TestWordsThatAreNoStack(t *testing.T) {
	o := over6(Outer{Type: Geneve, Options: fullOptions()})
	words, err := AppendStack(nil, &o)
	if err != nil {
		t.Fatal(err)
	}
	if len(words) != MaxWords {
		t.Errorf("%d words", len(words))
	}
	for n := range words {
		if _, err := ReadStack(words[:n]); err == nil {
			t.Errorf("%d words are taken for all", n)
		}
	}
	for i := range words {
		words[i] ^= 1 << 63
		if _, ok := StackSize(words); ok && i == 0 {
			t.Errorf("word %d is changed and taken", i)
		}
		words[i] ^= 1 << 63
	}
	if _, err := ReadStack(append(words, 0)); err == nil {
		t.Error("a word too many is taken")
	}
}

func TestNothingIsAllocatedPerPacket(t *testing.T) {
	l := newLab(t)
	inner := innerUDP(0, 100)
	for _, s := range shapes {
		o := over4(s.outer)
		words, err := AppendStack(nil, &o)
		if err != nil {
			t.Fatal(err)
		}
		tunnels := l.tunnels(&o)
		fs := []frame.Frame{l.frame(inner), l.frame(inner)}
		l3, l4 := []uint16{14, 14}, []uint16{34, 34}
		if n := testing.AllocsPerRun(20, func() {
			if l.pusher.Push(words, fs, l3, l4) != 0 {
				t.Fatal("not pushed")
			}
			if l.popper.Pop(tunnels, fs); l.popper.Popped != 3 {
				t.Fatalf("%s: not popped: %s", s.name, l.popper.Why[0])
			}
		}); n != 0 {
			t.Errorf("%s: %g allocations", s.name, n)
		}
		if !bytes.Equal(l.bytes(fs[1]), inner) {
			t.Errorf("%s: the packet has changed", s.name)
		}
		l.c.Put(fs[0])
		l.c.Put(fs[1])
	}
	r := NewReassembler(l.c, 100)
	o := over6(Outer{Type: VXLAN})
	pkt := l.push(&o, innerUDP(0, 1400))
	var out frame.Batch
	counters := NewCounters()
	if n := testing.AllocsPerRun(20, func() {
		f := l.frame(pkt)
		if Fragment(l.c, counters, f, 1000, &out) != Good {
			t.Fatal("not cut")
		}
		for _, f := range out.Frames() {
			if whole, ok := r.Add(f, 1); ok {
				l.c.Put(whole)
			}
		}
		out.Reset()
	}); n != 0 {
		t.Errorf("fragments: %g allocations", n)
	}
}
