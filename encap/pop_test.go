package encap

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// sumAgain makes the IPv4 checksum of an untagged packet right.
func sumAgain(b []byte) {
	b[14+10], b[14+11] = 0, 0
	binary.BigEndian.PutUint16(b[14+10:], wire.Checksum(b[14:34]))
}

func TestWrongPacketsOfATunnelAreDroppedByName(t *testing.T) {
	vxlan := over4(Outer{Type: VXLAN, Key: 5})
	vxlan6 := over6(Outer{Type: VXLAN, Key: 5})
	sum := over4(Outer{Type: VXLAN, Key: 5, Checksum: true})
	gbp := over4(Outer{Type: VXLAN, Key: 5, HasGBP: true, GBP: GBP{ID: 1}})
	gpe := over4(Outer{Type: VXLAN, Key: 5, GPE: true})
	geneve := over4(Outer{Type: Geneve, Key: 5, Options: []byte{1, 2, 3, 1, 9, 9, 9, 9}})
	gre := over4(Outer{Type: GRE, HasKey: true, Key: 5, Checksum: true})
	nvgre := over4(Outer{Type: NVGRE, Key: 5})
	erspan := over4(Outer{Type: ERSPAN, Key: 5, ERSPAN: Span{Version: 1}})
	const udp, tun = 34, 42 // offsets of UDP or GRE and of what is behind UDP, over IPv4
	for _, c := range []struct {
		name   string
		o      *Outer
		change func(b []byte) []byte
		want   Reason
	}{
		{"nothing", &vxlan, func(b []byte) []byte { return b }, Good},
		{"padding", &vxlan, func(b []byte) []byte { return append(b, 0, 1, 2, 3) }, Good},
		{"padding of a whole packet", &sum, func(b []byte) []byte { return append(b, make([]byte, 2000)...) }, Good},
		{"the last byte is missing", &vxlan, func(b []byte) []byte { return b[:len(b)-1] }, BadLength},
		{"a UDP length beyond the packet", &vxlan, func(b []byte) []byte { b[udp+4]++; return b }, BadLength},
		{"a UDP length of nothing", &vxlan, func(b []byte) []byte { b[udp+4], b[udp+5] = 0, 0; return b }, BadLength},
		{"no whole inner header", &vxlan, func(b []byte) []byte { b[udp+4], b[udp+5] = 0, 8+8+13; return b }, BadLength},
		{"the VXLAN header is cut off", &vxlan, func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[16:], 20+8+4)
			sumAgain(b)
			b[udp+4], b[udp+5] = 0, 12
			return b[:udp+12]
		}, BadLength},
		{"a wrong IPv4 checksum", &vxlan, func(b []byte) []byte { b[14+10]++; return b }, BadIPChecksum},
		{"a wrong UDP checksum", &sum, func(b []byte) []byte { b[udp+6]++; return b }, BadUDPChecksum},
		{"another inner byte than was summed up", &sum, func(b []byte) []byte { b[len(b)-1]++; return b }, BadUDPChecksum},
		{"no UDP checksum", &sum, func(b []byte) []byte { b[udp+6], b[udp+7] = 0, 0; return b }, Good},
		{"a flag that VXLAN does not have", &vxlan, func(b []byte) []byte { b[tun] |= 1; return b }, BadHeader},
		{"no VNI flag", &vxlan, func(b []byte) []byte { b[tun] = 0; return b }, BadHeader},
		{"a reserved byte behind the VNI", &vxlan, func(b []byte) []byte { b[tun+7] = 1; return b }, BadHeader},
		{"a group policy that the tunnel does not take", &vxlan, func(b []byte) []byte { b[tun] |= 0x80; return b }, BadHeader},
		{"a group policy flag that there is not", &gbp, func(b []byte) []byte { b[tun+1] |= 1; return b }, BadHeader},
		{"GPE with OAM", &gpe, func(b []byte) []byte { b[tun] |= 1; return b }, BadHeader},
		{"GPE that was replicated on its way (B)", &gpe, func(b []byte) []byte { b[tun] |= 2; return b }, Good},
		{"GPE of another version", &gpe, func(b []byte) []byte { b[tun] |= 0x10; return b }, BadHeader},
		{"GPE with IPv4 inside", &gpe, func(b []byte) []byte { b[tun+3] = 1; return b }, BadHeader},
		{"a GENEVE version", &geneve, func(b []byte) []byte { b[tun] |= 0x40; return b }, BadHeader},
		{"GENEVE with IPv4 inside", &geneve, func(b []byte) []byte { b[tun+2], b[tun+3] = 8, 0; return b }, BadHeader},
		{"reserved bits of GENEVE", &geneve, func(b []byte) []byte { b[tun+1] |= 0x3f; b[tun+7] = 9; return b }, Good},
		{"an option beyond the others", &geneve, func(b []byte) []byte { b[tun+8+3] = 2; return b }, BadOptions},
		{"options beyond the packet", &geneve, func(b []byte) []byte { b[tun] = 0x3f; return b }, BadOptions},
		{"an option that begins where another's value was", &geneve, func(b []byte) []byte { b[tun+8+3] = 0; return b }, BadOptions},
		{"a wrong GRE checksum", &gre, func(b []byte) []byte { b[udp+4]++; return b }, BadGREChecksum},
		{"a GRE version", &gre, func(b []byte) []byte { b[udp+1] |= 1; return b }, BadHeader},
		{"GRE with routing", &gre, func(b []byte) []byte { b[udp] |= 0x40; return b }, BadHeader},
		{"GRE beyond the packet", &gre, func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[16:], 20+8)
			sumAgain(b)
			return b[:udp+8]
		}, BadLength},
		{"NVGRE with a VLAN tag inside", &nvgre, func(b []byte) []byte { b[tun+12], b[tun+13] = 0x81, 0; return b }, BadHeader},
		{"NVGRE with a service VLAN tag inside", &nvgre, func(b []byte) []byte { b[tun+12], b[tun+13] = 0x88, 0xa8; return b }, BadHeader},
		{"NVGRE with a sequence number", &nvgre, func(b []byte) []byte { b[udp] |= 0x10; return b }, BadHeader},
		{"ERSPAN of another version", &erspan, func(b []byte) []byte { b[tun] = 0x20; return b }, BadHeader},
		{"an ERSPAN header that is cut off", &erspan, func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[16:], 20+8+4)
			sumAgain(b)
			return b[:tun+4]
		}, BadLength},
		{"the last byte is missing over IPv6", &vxlan6, func(b []byte) []byte { return b[:len(b)-1] }, BadLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			inner := innerUDP(0, 100)
			got := l.pop(l.tunnels(c.o), c.change(l.push(c.o, inner)))
			if got.why != c.want {
				t.Fatalf("%s, want %s", got.why, c.want)
			}
			if c.want == Good && (got.port != 1 || !bytes.Equal(got.inner, inner)) {
				t.Errorf("port %d, %x", got.port, got.inner)
			}
		})
	}
}

func TestPacketsThatAreNoTunnelsStayAsTheyAre(t *testing.T) {
	o := over4(Outer{Type: VXLAN, Key: 5})
	other := o
	other.Key = 6
	tagged := o
	tagged.VLAN = 3
	gre := over4(Outer{Type: GRE})
	l := newLab(t)
	tunnels := l.tunnels(&o)
	broken := l.push(&o, innerUDP(0, 1))
	broken[14+19] = 77 // to somebody else
	for _, c := range []struct {
		name string
		pkt  []byte
	}{
		{"another key", l.push(&other, innerUDP(0, 1))},
		{"another VLAN", l.push(&tagged, innerUDP(0, 1))},
		{"another type", l.push(&gre, innerUDP(0, 1))},
		{"a wrong packet to somebody else", broken[:len(broken)-1]},
		{"a fragment to somebody else", fragmentBytes(true, 1, 1, scriptPart{0, 1000, true}, 0)},
		{"UDP to another port", innerUDP(0, 100)},
		{"a short frame", []byte{1, 2, 3}},
		{"one byte", []byte{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := l.pop(tunnels, c.pkt)
			if got.port != 0 || got.why != Good || got.fragment || !bytes.Equal(got.inner, c.pkt) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestFragmentsForATunnelAreTold(t *testing.T) {
	l := newLab(t)
	for _, o := range []Outer{over4(Outer{Type: VXLAN}), over6(Outer{Type: VXLAN, VLAN: 9}), over4(Outer{Type: ERSPAN, ERSPAN: Span{Version: 1}}), over6(Outer{Type: GRE})} {
		tunnels := l.tunnels(&o)
		r := NewReassembler(l.c, 64)
		inner := innerUDP(0, 3000)
		out, _ := l.cut(l.push(&o, inner), 1280)
		for i, f := range out.Frames() {
			l.popper.Pop(tunnels, []frame.Frame{f})
			if l.popper.Fragments != 1 || l.popper.Popped|l.popper.Dropped != 0 {
				t.Fatalf("%s: fragment %d is not told", o.Type, i)
			}
			whole, ok := r.Add(f, 1)
			if !ok {
				continue
			}
			got := l.pop(tunnels, l.bytes(whole))
			if got.port != 1 || !bytes.Equal(got.inner, inner) {
				t.Errorf("%s: port %d, %s", o.Type, got.port, got.why)
			}
			l.c.Put(whole)
		}
		if r.Len() != 0 {
			t.Errorf("%s: %d packets are left", o.Type, r.Len())
		}
		r.Close()
	}
}

func TestUDPOverIPv6WithoutAChecksum(t *testing.T) {
	l := newLab(t)
	o := over6(Outer{Type: Geneve})
	for _, c := range []struct {
		take bool
		want Reason
	}{{true, Good}, {false, NoUDPChecksum}} {
		tunnels, err := NewTunnels([]Address{{o.Dst, 0, macB}}, []Tunnel{{Port: 1, Type: Geneve, ZeroChecksum6: c.take}})
		if err != nil {
			t.Fatal(err)
		}
		if got := l.pop(tunnels, l.push(&o, innerUDP(0, 1))); got.why != c.want {
			t.Errorf("taken %t: %s, want %s", c.take, got.why, c.want)
		}
		sum := o
		sum.Checksum = true
		if got := l.pop(tunnels, l.push(&sum, innerUDP(0, 1))); got.why != Good {
			t.Errorf("with a checksum: %s", got.why)
		}
	}
}
