package wire

import "testing"

func TestWhatAPacketCarriesIsBehindItsHeaders(t *testing.T) {
	v4 := func(ihl, flags, place byte) []byte {
		p := make([]byte, 24)
		p[0], p[IPv4Fragment], p[IPv4Fragment+1], p[IPv4Protocol] = 0x40|ihl, flags, place, ProtoICMP
		return p
	}
	v6 := func(next byte, behind ...byte) []byte {
		p := make([]byte, IPv6Size, IPv6Size+len(behind))
		p[0], p[IPv6Next] = 0x60, next
		return append(p, behind...)
	}
	hop := []byte{ProtoFragment, 0, 1, 4, 0, 0, 0, 0}
	first := []byte{ProtoICMPv6, 0, 0, 1, 0, 0, 0, 1}
	later := []byte{ProtoICMPv6, 0, 0, 9, 0, 0, 0, 1}
	for _, c := range []struct {
		name string
		pkt  []byte
		want Upper
		ok   bool
	}{
		{"IPv4", v4(5, 0, 0), Upper{ProtoICMP, 20, false}, true},
		{"options", v4(6, 0, 0), Upper{ProtoICMP, 24, false}, true},
		{"a first fragment", v4(5, 0x20, 0), Upper{ProtoICMP, 20, false}, true},
		{"a later fragment", v4(5, 0, 1), Upper{ProtoICMP, 20, true}, true},
		{"a short header", v4(4, 0, 0), Upper{}, false},
		{"options beyond the packet", v4(7, 0, 0), Upper{}, false},
		{"IPv6", v6(ProtoTCP), Upper{ProtoTCP, 40, false}, true},
		{"a first fragment behind options", v6(ProtoHopOpts, append(hop, first...)...), Upper{ProtoICMPv6, 56, false}, true},
		{"a later fragment behind options", v6(ProtoHopOpts, append(hop, later...)...), Upper{ProtoICMPv6, 56, true}, true},
		{"an authentication header", v6(ProtoAH, ProtoUDP, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), Upper{ProtoUDP, 52, false}, true},
		{"half an extension header", v6(ProtoDstOpts, 0, 0, 0, 0), Upper{}, false},
		{"one beyond the packet", v6(ProtoDstOpts, ProtoUDP, 9, 0, 0, 0, 0, 0, 0), Upper{}, false},
		{"nothing", nil, Upper{}, false},
	} {
		got, ok := UpperOf(c.pkt, 0, len(c.pkt) > 0 && c.pkt[0]>>4 == 6)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %t, want %+v, %t", c.name, got, ok, c.want, c.ok)
		}
	}
}

// FuzzUpper: whatever a packet says, what it carries begins within it, or it is a later fragment.
func FuzzUpper(f *testing.F) {
	f.Add([]byte{0x60, 0, 0, 0, 0, 0, 44}, true)
	f.Fuzz(func(t *testing.T, pkt []byte, v6 bool) {
		if u, ok := UpperOf(pkt, 0, v6); ok && !u.Later && u.Off > len(pkt) {
			t.Errorf("%+v of %d bytes", u, len(pkt))
		}
	})
}
