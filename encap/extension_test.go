package encap

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

// Extension headers with the header that follows left open.
var (
	limitHeader = []byte{0, 0, 4, 1, 4, 1, 1, 0} // destination options: a tunnel encapsulation limit, padding
	alertHeader = []byte{0, 0, 5, 2, 0, 0, 1, 0} // hop-by-hop options: router alert, padding
	padHeader   = []byte{0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	askHeader   = []byte{0, 0, 0xc2, 4, 0, 1, 0, 0} // hop-by-hop options: one that must be known, jumbo payload
	wayHeader   = []byte{0, 0, 4, 1, 0, 0, 0, 0}    // routing: one segment is left
	goneHeader  = []byte{0, 0, 4, 0, 0, 0, 0, 0}    // routing: none is
)

// extend puts an extension header of a protocol behind those that the IPv6 packet pkt has, which has no tag.
func extend(pkt []byte, proto uint8, header []byte) []byte {
	e := extensions(pkt, wire.EthernetSize)
	out := slices.Insert(bytes.Clone(pkt), e.end, header...)
	out[e.end+extNext], out[e.named] = e.proto, proto
	size := out[wire.EthernetSize+wire.IPv6Length:]
	binary.BigEndian.PutUint16(size, binary.BigEndian.Uint16(size)+uint16(len(header)))
	return out
}

func TestExtensionHeadersInFrontOfATunnelsArePassedOver(t *testing.T) {
	l := newLab(t)
	long := slices.Concat([]byte{0, 16}, []byte{1, 134}, make([]byte, 136-4)) // 136 bytes
	for _, c := range []struct {
		name  string
		proto uint8
		ext   []byte
		port  uint32
		why   Reason
	}{
		{"a tunnel encapsulation limit, as Linux's GRE has", wire.ProtoDstOpts, limitHeader, 1, Good},
		{"a router alert", wire.ProtoHopOpts, alertHeader, 1, Good},
		{"padding", wire.ProtoDstOpts, padHeader, 1, Good},
		{"a way that is at its end", wire.ProtoRouting, goneHeader, 1, Good},
		{"a way still to go", wire.ProtoRouting, wayHeader, 0, BadExtension},
		{"an option that must be known", wire.ProtoHopOpts, askHeader, 0, BadExtension},
		{"an option beyond its header", wire.ProtoDstOpts, []byte{0, 0, 4, 9, 0, 0, 0, 0}, 0, BadExtension},
		{"an option without its length", wire.ProtoDstOpts, []byte{0, 0, 1, 3, 0, 0, 0, 4}, 0, BadExtension},
		{"more than anybody has", wire.ProtoDstOpts, long, 0, Good}, // it stays an ordinary packet
		{"a header that ends behind the packet", wire.ProtoDstOpts, []byte{0, 14, 1, 118, 0, 0, 0, 0}, 0, Good},
	} {
		for _, o := range []Outer{over6(Outer{Type: GRE}), over6(Outer{Type: VXLAN, Checksum: true}), over6(Outer{Type: Geneve, Options: []byte{1, 2, 3, 0}})} {
			pkt := extend(l.push(&o, innerUDP(0, 20)), c.proto, c.ext)
			got := l.pop(l.tunnels(&o), pkt)
			if got.port != c.port || got.why != c.why || c.port != 0 && !bytes.Equal(got.inner, innerUDP(0, 20)) {
				t.Errorf("%s, %s: port %d, %s", o.Type, c.name, got.port, got.why)
			}
		}
	}
	o := over6(Outer{Type: GRE})
	pkt := extend(extend(l.push(&o, innerUDP(0, 20)), wire.ProtoHopOpts, alertHeader), wire.ProtoDstOpts, limitHeader)
	if got := l.pop(l.tunnels(&o), pkt); got.port != 1 {
		t.Errorf("two headers: port %d, %s", got.port, got.why)
	}
	if got := l.pop(l.tunnels(&Outer{Type: VXLAN, Src: addr6a, Dst: addr6b}), extend(l.push(&o, innerUDP(0, 20)), wire.ProtoHopOpts, askHeader)); got.port != 0 || got.why != Good {
		t.Errorf("of no tunnel here: port %d, %s", got.port, got.why)
	}
}

func TestOuterFragmentsAmongExtensionHeadersArePutTogether(t *testing.T) {
	l := newLab(t)
	type header struct {
		proto uint8
		ext   []byte
	}
	limit, alert := header{wire.ProtoDstOpts, limitHeader}, header{wire.ProtoHopOpts, alertHeader}
	for _, c := range []struct {
		name          string
		inside, front []header // in front of the tunnel's headers, and of the fragment header
		why           Reason
	}{
		{"none", nil, nil, Good},
		{"in the fragments, as Linux has them", []header{limit}, nil, Good},
		{"in front of the fragment header", nil, []header{limit}, Good},
		{"on both sides", []header{limit}, []header{alert, limit}, Good},
		{"one that says no", nil, []header{{wire.ProtoHopOpts, askHeader}}, BadExtension},
	} {
		for _, o := range []Outer{over6(Outer{Type: GRE}), over6(Outer{Type: VXLAN, Checksum: true})} {
			tunnels := l.tunnels(&o)
			inner := innerUDP(0, 3000)
			pkt := l.push(&o, inner)
			for _, h := range c.inside {
				pkt = extend(pkt, h.proto, h.ext)
			}
			out, why := l.cut(pkt, 1280)
			if why != Good {
				t.Fatal(why)
			}
			r := NewReassembler(l.c, 100)
			for i, f := range out.Frames() {
				part := l.bytes(f)
				for _, h := range c.front {
					part = extend(part, h.proto, h.ext)
				}
				if got := l.pop(tunnels, part); !got.fragment {
					t.Fatalf("%s, %s: fragment %d is not taken", o.Type, c.name, i)
				}
				whole, ok := r.Add(l.frame(part), 1)
				if ok != (i == out.Len()-1) {
					t.Fatalf("%s, %s: behind fragment %d of %d the packet is whole: %t", o.Type, c.name, i, out.Len(), ok)
				}
				if !ok {
					continue
				}
				got := l.pop(tunnels, l.bytes(whole))
				if got.why != c.why || c.why == Good && !bytes.Equal(got.inner, inner) {
					t.Errorf("%s, headers %s: port %d, %s, %d bytes", o.Type, c.name, got.port, got.why, len(got.inner))
				}
				l.c.Put(whole)
			}
			l.c.PutBatch(&out)
		}
	}
}

func TestFragmentsWithLongHeadersMakeNoPacketLongerThanItsLengthSays(t *testing.T) {
	l := newLab(t)
	r := NewReassembler(l.c, 400)
	const step = 8000
	first := extend(fragmentBytes(true, 1, 1, scriptPart{0, step, true}, 0), wire.ProtoDstOpts, padHeader)
	for at := step; at < 65480; at += step {
		n := min(step, 65480-at)
		if _, ok := r.Add(l.frame(fragmentBytes(true, 1, 1, scriptPart{at, n, at+n < 65480}, 0)), 1); ok {
			t.Fatal("whole without its beginning")
		}
	}
	if _, ok := r.Add(l.frame(first), 1); ok || r.Drops(BadFragment) == 0 || r.Len() != 0 {
		t.Errorf("whole: %t, %d dropped, %d packets in the making", ok, r.Drops(BadFragment), r.Len())
	}
}

// FuzzExtensions passes over any extension headers: what they lead to lies within the packet and within bounds.
func FuzzExtensions(f *testing.F) {
	for _, h := range [][]byte{limitHeader, alertHeader, padHeader, askHeader, wayHeader, goneHeader} {
		f.Add(uint8(wire.ProtoHopOpts), append(bytes.Clone(h), make([]byte, 8)...))
	}
	f.Fuzz(func(t *testing.T, proto uint8, behind []byte) {
		if len(behind) < extUnit {
			return
		}
		pkt := append(make([]byte, wire.IPv6Size), behind...)
		pkt[wire.IPv6Next] = proto
		e := extensions(pkt, 0)
		if e.end+extUnit > len(pkt) || e.end > wire.IPv6Size+maxExtensions || e.end%extUnit != 0 || pkt[e.named] != e.proto {
			t.Errorf("%+v of %d bytes", e, len(pkt))
		}
	})
}
