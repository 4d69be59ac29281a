package encap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// tosTTL returns what the IP header of an untagged packet says.
func tosTTL(t *testing.T, pkt []byte) (tos, ttl uint8) {
	t.Helper()
	tos, ttl, ok := tosOf(pkt, 14)
	if !ok {
		t.Fatalf("no IP header: %x", pkt)
	}
	if pkt[12] == 0x08 && wire.Checksum(pkt[14:34]) != 0 {
		t.Error("the IPv4 checksum is wrong")
	}
	return tos, ttl
}

func TestOuterHeadersInheritWhatTheyAreToldTo(t *testing.T) {
	l := newLab(t)
	for _, over := range []func(Outer) Outer{over4, over6} {
		for ecn := range uint8(4) {
			for _, c := range []struct {
				name     string
				tos, ttl bool
				inner    []byte
				wantTOS  uint8
				wantTTL  uint8
			}{
				{"ECN only", false, false, innerUDP(0xb8|ecn, 10), 0x20 | ecn, 9},
				{"all of TOS", true, false, innerUDP(0xb8|ecn, 10), 0xb8 | ecn, 9},
				{"TTL", false, true, innerUDP(0xb8|ecn, 10), 0x20 | ecn, 33},
				{"both", true, true, innerUDP(0xb8|ecn, 10), 0xb8 | ecn, 33},
				{"nothing from what is not IP", true, true, append(make([]byte, 12), 0x08, 0x06, 0, ecn), 0x20, 9},
			} {
				o := over(Outer{Type: VXLAN, InheritTOS: c.tos, InheritTTL: c.ttl})
				o.TOS, o.TTL = 0x20, 9
				tos, ttl := tosTTL(t, l.push(&o, c.inner))
				if tos != c.wantTOS || ttl != c.wantTTL {
					t.Errorf("%s over %s: TOS %#x and TTL %d, want %#x and %d", c.name, o.Src, tos, ttl, c.wantTOS, c.wantTTL)
				}
			}
		}
	}
}

func TestTheTOSOfAnInnerIPv6Packet(t *testing.T) {
	l := newLab(t)
	inner := fragmentBytes(true, 1, 1, scriptPart{0, 8, false}, 0xb9)
	o := over6(Outer{Type: Geneve, InheritTOS: true, InheritTTL: true, Label: 0xabcde})
	pkt := l.push(&o, inner)
	if tos, ttl := tosTTL(t, pkt); tos != 0xb9 || ttl != 64 {
		t.Errorf("TOS %#x, TTL %d", tos, ttl)
	}
	if got := binary.BigEndian.Uint32(pkt[14:]) & 0xfffff; got != 0xabcde {
		t.Errorf("label %#x", got)
	}
}

func TestCongestionMarksAreTakenOver(t *testing.T) {
	// RFC 6040 section 4.2, figure 4; rows: inner, columns: outer.
	want := map[uint8][4]int{
		notECT: {notECT: notECT, ect0: notECT, ect1: notECT, ce: -1},
		ect0:   {notECT: ect0, ect0: ect0, ect1: ect1, ce: ce},
		ect1:   {notECT: ect1, ect0: ect1, ect1: ect1, ce: ce},
		ce:     {notECT: ce, ect0: ce, ect1: ce, ce: ce},
	}
	l := newLab(t)
	o := over4(Outer{Type: VXLAN})
	tunnels := l.tunnels(&o)
	for inner, row := range want {
		for outer, want := range row {
			t.Run(fmt.Sprintf("inner %d outer %d", inner, outer), func(t *testing.T) {
				pkt := l.push(&o, innerUDP(0x20|inner, 10))
				wire.SetTOS(pkt, 14, uint8(outer), ecnMask)
				got := l.pop(tunnels, pkt)
				if want < 0 {
					if got.why != ECNLost {
						t.Errorf("%s", got.why)
					}
					return
				}
				if tos, _ := tosTTL(t, got.inner); got.why != Good || tos != 0x20|uint8(want) {
					t.Errorf("%s, TOS %#x", got.why, tos)
				}
				if got.block[MetaTOS] != uint8(outer) {
					t.Errorf("the metadata say TOS %#x", got.block[MetaTOS])
				}
			})
		}
	}
	arp := append(make([]byte, 12), 0x08, 0x06, 0, 1)
	pkt := l.push(&o, arp)
	wire.SetTOS(pkt, 14, ce, ecnMask)
	if got := l.pop(tunnels, pkt); got.why != Good || !bytes.Equal(got.inner, arp) {
		t.Errorf("what has no ECN field: %s", got.why)
	}
}

func TestChecksumsLeftToHardwareThatIsNotThere(t *testing.T) {
	l := newLab(t)
	for _, over := range []func(Outer) Outer{over4, over6} {
		o := over(Outer{Type: VXLAN, Checksum: true})
		tunnels := l.tunnels(&o)
		l4 := 34
		if !o.Src.Is4() {
			l4 = 54
		}
		inner := innerUDP(0, 200)
		pkt := l.push(&o, inner)

		// The outer field holds the pseudo-header's sum.
		outer := bytes.Clone(pkt)
		size := len(outer) - l4
		sum := wire.Fold(wire.PseudoIPv4(outer[14:], wire.ProtoUDP, size))
		if l4 == 54 {
			sum = wire.Fold(wire.PseudoIPv6(outer[14:], wire.ProtoUDP, size))
		}
		binary.BigEndian.PutUint16(outer[l4+6:], sum)

		// The outer sum is right, but for an inner packet whose checksum is complete.
		both := bytes.Clone(pkt)
		at := l4 + 16
		binary.BigEndian.PutUint16(both[at+34+6:], wire.Fold(wire.PseudoIPv4(both[at+14:], wire.ProtoUDP, 208)))

		wrong := bytes.Clone(pkt)
		wrong[len(wrong)-1]++
		for _, c := range []struct {
			name    string
			pkt     []byte
			partial bool
			want    Reason
		}{
			{"the outer one", outer, true, Good},
			{"the outer one, where that cannot be", outer, false, BadUDPChecksum},
			{"the inner one", both, true, Good},
			{"the inner one, where that cannot be", both, false, BadUDPChecksum},
			{"a wrong one", wrong, true, BadUDPChecksum},
		} {
			l.popper.Partial = c.partial
			got := l.pop(tunnels, c.pkt)
			if got.why != c.want || c.want == Good && !bytes.Equal(got.inner, inner) {
				t.Errorf("%s over %s: %s", c.name, o.Src, got.why)
			}
		}
		l.popper.Partial = false
	}
}

func TestOffloadWishesOfTunnelPackets(t *testing.T) {
	l := newLab(t)
	plain, summed := over4(Outer{Type: VXLAN}), over4(Outer{Type: VXLAN, Checksum: true})
	inner := innerUDP(0, 200)
	seed := wire.Fold(wire.PseudoIPv4(inner[14:], wire.ProtoUDP, 208))
	for _, c := range []struct {
		name  string
		o     *Outer
		wish  frame.Offload
		at    int // of a checksum field that holds the sum of its pseudo-header; 0: none does
		want  Reason
		stays bool
	}{
		{"the inner checksum", &plain, frame.Offload{Csum: frame.NeedsCsum, CsumStart: 50 + 34, CsumOffset: 6}, 50 + 40, Good, true},
		{"the inner checksum below an outer one", &summed, frame.Offload{Csum: frame.NeedsCsum, CsumStart: 50 + 34, CsumOffset: 6}, 50 + 40, Good, false},
		{"something in between", &plain, frame.Offload{Csum: frame.NeedsCsum, CsumStart: 43, CsumOffset: 2}, 0, Unfinished, false},
		{"a field beyond the packet", &summed, frame.Offload{Csum: frame.NeedsCsum, CsumStart: 34, CsumOffset: 6000}, 0, Unfinished, false},
		{"nothing", &summed, frame.Offload{Csum: frame.CsumValid}, 0, Good, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			pkt := l.push(c.o, inner)
			if c.at != 0 {
				binary.BigEndian.PutUint16(pkt[c.at:], seed)
			}
			if c.stays {
				pkt = append(pkt, 1, 2, 3) // padding is cut off, the wish is not
			}
			fs := []frame.Frame{l.frame(pkt)}
			fs[0].SetFlags(frame.HasOffload)
			l.pool.Meta(fs[0]).Offload = c.wish
			l.popper.Pop(l.tunnels(c.o), fs)
			defer l.c.Put(fs[0])
			if c.want != Good {
				if l.popper.Dropped != 1 || l.popper.Why[0] != c.want {
					t.Errorf("dropped %d: %s", l.popper.Dropped, l.popper.Why[0])
				}
				return
			}
			if l.popper.Popped != 1 {
				t.Fatalf("not popped: %s", l.popper.Why[0])
			}
			stays := fs[0].Flags()&frame.HasOffload != 0
			if stays != c.stays {
				t.Fatalf("the wish stays: %t", stays)
			}
			if stays {
				o := l.pool.Meta(fs[0]).Offload
				wire.FinishChecksum(l.pool, fs[0], int(o.CsumStart), int(o.CsumOffset))
			}
			if !bytes.Equal(l.bytes(fs[0]), inner) {
				t.Errorf("the inner packet has changed")
			}
		})
	}
}
