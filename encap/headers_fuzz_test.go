package encap

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

// everything are tunnels for the packets of all shapes, and a slowPopper for the same.
func everything(t testing.TB) (*Tunnels, *slowPopper) {
	t.Helper()
	s := &slowPopper{
		mine: []Address{{addr4b, 0, macB}, {addr6b, 0, macB}, {addr4b, 0x64, macB}, {addr6b, 0x64, macB}},
		list: []Tunnel{
			{Port: 1, Type: VXLAN, AnyKey: true, ZeroChecksum6: true}, {Port: 2, Type: VXLAN, Key: 7, GBP: true},
			{Port: 3, Type: VXLAN, UDPPort: 4790, AnyKey: true, GPE: true, ZeroChecksum6: true}, {Port: 4, Type: Geneve, AnyKey: true, ZeroChecksum6: true},
			{Port: 5, Type: GRE, AnyKey: true}, {Port: 6, Type: NVGRE, Key: 0x123456}, {Port: 7, Type: ERSPAN, AnyKey: true},
		},
	}
	tunnels, err := NewTunnels(s.mine, s.list)
	if err != nil {
		t.Fatal(err)
	}
	return tunnels, s
}

// insert puts bytes behind the IP header of a packet: IPv4 options, or extension headers, of which kind says what the first
// is; the length of each stays as it is. What lengths and protocols say around them fits them.
func insert(pkt []byte, l3 int, kind uint8, more []byte) []byte {
	be, v6 := binary.BigEndian, pkt[l3]>>4 == 6
	at, length := l3+wire.IPv4Size, l3+wire.IPv4Length
	if v6 {
		at, length = l3+wire.IPv6Size, l3+wire.IPv6Length
		more = more[:min(len(more), 256)&^7]
	} else {
		more = more[:min(len(more), 40)&^3]
	}
	if len(more) == 0 {
		return pkt
	}
	out := slices.Insert(bytes.Clone(pkt), at, more...)
	be.PutUint16(out[length:], be.Uint16(out[length:])+uint16(len(more)))
	if v6 {
		out[at], out[l3+wire.IPv6Next] = out[l3+wire.IPv6Next], []uint8{wire.ProtoHopOpts, wire.ProtoDstOpts, wire.ProtoRouting}[kind%3]
	} else {
		out[l3] += uint8(len(more) / 4)
	}
	return out
}

// mend makes the checksums of a packet right that it has, if it is so far in order.
func mend(s *slowPopper, pkt []byte) {
	be := binary.BigEndian
	*s = slowPopper{mine: s.mine, list: s.list, pkt: pkt}
	if ours, why := s.outer(); !ours || why != Good || s.end < s.l4+8 {
		return
	}
	if s.to.Is4() {
		sum := pkt[s.l3+wire.IPv4Checksum:]
		be.PutUint16(sum, 0)
		be.PutUint16(sum, wire.Checksum(pkt[s.l3:s.l4]))
	}
	rest := pkt[s.l4:s.end]
	switch {
	case s.proto == wire.ProtoGRE && rest[0]&0x80 != 0:
		be.PutUint16(rest[4:], 0)
		be.PutUint16(rest[4:], wire.Checksum(rest))
	case s.proto == wire.ProtoUDP && be.Uint16(rest[wire.UDPChecksum:]) != 0:
		be.PutUint16(rest[wire.UDPChecksum:], 0)
		be.PutUint16(rest[wire.UDPChecksum:], max(1, ^wire.Fold(wire.Sum(rest, s.pseudo()))))
	}
}

// fares compares what becomes of a packet with what its twin says.
func (l *lab) fares(tunnels *Tunnels, s *slowPopper, pkt []byte) popped {
	l.t.Helper()
	want, got := s.pop(pkt), l.pop(tunnels, pkt)
	got.fragment = false
	if got.port != want.port || got.why != want.why || got.block != want.block || !bytes.Equal(got.options, want.options) || !bytes.Equal(got.inner, want.inner) {
		l.t.Fatalf("%x:\ngot  port %d, %s, %x, options %x, %x\nwant port %d, %s, %x, options %x, %x", pkt,
			got.port, got.why, got.block, got.options, got.inner, want.port, want.why, want.block, want.options, want.inner)
	}
	return got
}

// Fronts are what stands between the IP header and the tunnel's in the test below: IPv4 takes them for options, as far as it
// has room for them, and does not look at them.
var fronts = []struct {
	kind  uint8
	bytes []byte
	taken bool // so long an extension header is passed over
}{
	{0, nil, true}, {0, alertHeader, true}, {1, padHeader, true}, {2, goneHeader, true},
	{1, append([]byte{0, 15, 1, 124}, make([]byte, 124)...), true}, {1, append([]byte{0, 16, 1, 132}, make([]byte, 132)...), false},
}

// Whatever one byte of the outer headers says, with checksums that are right or not, and options of IP in front of the tunnel's.
func TestAnyByteOfTheOuterHeadersMaySayAnything(t *testing.T) {
	l := newLab(t)
	tunnels, s := everything(t)
	var whys [NumReasons]int
	eachShape(t, func(t *testing.T, o Outer) {
		l.t = t
		inner := innerUDP(2, 40)
		pkt := l.push(&o, inner)
		l3 := wire.EthernetSize
		if o.VLAN != 0 {
			l3 += wire.VLANTagSize
		}
		for i, front := range fronts {
			if i > 0 && o.VLAN != 0 {
				break
			}
			pkt := insert(pkt, l3, front.kind, front.bytes)
			mend(s, pkt)
			if got := l.fares(tunnels, s, pkt); got.port == 0 && front.taken && (o.Src.Is4() || !o.HasGBP) { // GBP's tunnel wants a checksum
				t.Fatalf("a packet that is right: %s", got.why)
			}
			for at := range len(pkt) - len(inner) {
				for v := range 256 {
					b := byte(v)
					if d := b ^ pkt[at]; (i > 0 || o.VLAN != 0) && b != 0 && b != 0xff && d&(d-1) != 0 {
						continue // with something in front of it, single bits
					}
					wrong := bytes.Clone(pkt)
					wrong[at] = b
					whys[l.fares(tunnels, s, wrong).why]++
					mend(s, wrong)
					whys[l.fares(tunnels, s, wrong).why]++
				}
			}
		}
	})
	for _, why := range []Reason{BadLength, BadHeader, BadOptions, BadExtension, BadIPChecksum, BadUDPChecksum, NoUDPChecksum, BadGREChecksum} {
		if whys[why] == 0 {
			t.Errorf("no packet was dropped as %s", why)
		}
	}
}

// FuzzHeaders changes any bytes of the outer headers of packets of all shapes, with any options of IPv4 or any extension
// headers in front of the tunnel's, and makes their checksums right again if mended: what becomes of them is what their twin
// says.
func FuzzHeaders(f *testing.F) {
	l := newLab(f)
	tunnels, s := everything(f)
	var packets [][]byte
	for _, shape := range shapes {
		o4, o6 := over4(shape.outer), over6(shape.outer)
		o6.DontFragment = false
		packets = append(packets, l.push(&o4, innerUDP(2, 40)), l.push(&o6, innerUDP(1, 40)))
	}
	for i := range packets {
		f.Add(uint8(i), uint8(0), []byte(nil), []byte{34, 0x80, 42, 0x10}, true)
		f.Add(uint8(i), uint8(i), []byte{0, 0, 5, 2, 0, 0, 1, 0}, []byte{15, 3}, i%4 > 0)
		f.Add(uint8(i), uint8(1), append([]byte{0, 1, 1, 4}, make([]byte, 12)...), []byte{60, 9, 61, 3, 62, 3}, true)
	}
	f.Fuzz(func(t *testing.T, which, kind uint8, more, edits []byte, mended bool) {
		l.t = t
		pkt := insert(bytes.Clone(packets[int(which)%len(packets)]), wire.EthernetSize, kind, more)
		for ; len(edits) >= 2; edits = edits[2:] {
			if at := int(edits[0]); at < len(pkt) {
				pkt[at] = edits[1]
			}
		}
		if mended {
			mend(s, pkt)
		}
		l.fares(tunnels, s, pkt)
	})
}
