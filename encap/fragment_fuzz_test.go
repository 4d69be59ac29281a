package encap

import (
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

// FuzzReassemble feeds a Reassembler fragments of few packets with any offsets, lengths and times. The payload says where
// it belongs, so a packet that is put together wrongly shows.
func FuzzReassemble(f *testing.F) {
	f.Add([]byte{0, 0, 0, 60, 1, 0, 0, 60, 60, 0})
	f.Add([]byte{3, 2, 60, 60, 0, 3, 2, 0, 60, 1, 3, 2, 0, 60, 1})
	f.Add([]byte{1, 0, 0, 200, 1, 1, 0, 100, 200, 0, 1, 0, 200, 200, 0})
	l := newLab(f) // one for all: what leaks makes it run out of buffers
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 5*300 {
			return
		}
		l.t = t
		r := NewReassembler(l.c, 100)
		now := int64(1)
		for ; len(script) >= 5; script = script[5:] {
			kind, id, more := script[0], script[1]%8, script[4]&1 != 0
			now += int64(script[4]>>1) << 22
			at, n := int(script[2])*16, int(script[3])*8
			if !more {
				n -= int(script[4] >> 5)
			}
			pkt := fragmentBytes(kind&1 != 0, uint32(id), kind>>1%4, scriptPart{at, max(n, 0), more}, 0)
			payload := pkt[len(pkt)-max(n, 0):]
			for i := range payload {
				payload[i] = byte((at + i) * 7)
			}
			whole, ok := r.Add(l.frame(pkt), now)
			if r.held > 100 || r.Len() > datagrams {
				t.Fatalf("%d packets with %d buffers are held", r.Len(), r.held)
			}
			if !ok {
				continue
			}
			checkWhole(t, l.bytes(whole))
			l.c.Put(whole)
		}
		r.Close()
		if r.held != 0 || r.Len() != 0 {
			t.Errorf("%d packets with %d buffers are left", r.Len(), r.held)
		}
	})
}

// checkWhole looks at a packet that was put together of fragments whose bytes say where they belong.
func checkWhole(t *testing.T, pkt []byte) {
	t.Helper()
	be := binary.BigEndian
	payload := pkt[14+wire.IPv4Size:]
	size := be.Uint16(pkt[14+wire.IPv4Length:]) - wire.IPv4Size
	if be.Uint16(pkt[12:]) == wire.TypeIPv6 {
		payload = pkt[14+wire.IPv6Size:]
		size = be.Uint16(pkt[14+wire.IPv6Length:])
		if pkt[14+wire.IPv6Next] != wire.ProtoUDP {
			t.Errorf("next header %d", pkt[14+wire.IPv6Next])
		}
	} else if wire.Checksum(pkt[14:34]) != 0 {
		t.Error("the IPv4 checksum is wrong")
	}
	if int(size) != len(payload) {
		t.Fatalf("the header says %d bytes, there are %d", size, len(payload))
	}
	for i, b := range payload {
		if b != byte(i*7) {
			t.Fatalf("byte %d of %d is %#x", i, len(payload), b)
		}
	}
}

// FuzzFragment cuts any packet into fragments, which must be refused or fit and come together again.
func FuzzFragment(f *testing.F) {
	l := newLab(f)
	o4, o6 := over4(Outer{Type: VXLAN}), over6(Outer{Type: Geneve, VLAN: 5})
	f.Add(l.outerPacket(o4, 1000), uint16(600))
	f.Add(l.outerPacket(o6, 3000), uint16(1280))
	f.Fuzz(func(t *testing.T, pkt []byte, mtu uint16) {
		if len(pkt) > 65535+18 {
			return
		}
		l.t = t
		out, why := l.cut(pkt, int(mtu))
		if why != Good {
			return
		}
		r := NewReassembler(l.c, 64)
		defer r.Close()
		for _, f := range out.Frames() {
			if whole, ok := r.Add(f, 1); ok {
				if l.pool.Total(whole) != len(pkt) {
					t.Errorf("%d bytes became %d", len(pkt), l.pool.Total(whole))
				}
				l.c.Put(whole)
			}
		}
	})
}
