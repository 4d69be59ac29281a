package encap

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// innerIPv4 returns a frame with tags, IPv4 options, a place in a packet that it may be a fragment of, and n bytes of
// payload, each of which says where it is.
func innerIPv4(tags int, options []byte, place uint16, n int) []byte {
	b := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	for i := range tags {
		b = append(b, 0x81, 0, 0, byte(i))
	}
	b = append(b, 8, 0)
	h := append([]byte{0x45 + byte(len(options)/4), 0x2e, 0, 0, 0x12, 0x34, 0, 0, 7, wire.ProtoUDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, options...)
	binary.BigEndian.PutUint16(h[wire.IPv4Length:], uint16(len(h)+n))
	binary.BigEndian.PutUint16(h[wire.IPv4Fragment:], place)
	binary.BigEndian.PutUint16(h[wire.IPv4Checksum:], wire.Checksum(h))
	b = append(b, h...)
	for i := range n {
		b = append(b, byte(i*7>>3))
	}
	return b
}

// cutInner returns the fragments of pkt, whose network header is at l3.
func (l *lab) cutInner(pkt []byte, l3, longest int) (parts [][]byte, why Reason) {
	l.t.Helper()
	var out frame.Batch
	f := l.frame(pkt)
	if why = FragmentInner(l.c, f, l3, longest, &out); why != Good {
		if !bytes.Equal(l.bytes(f), pkt) || out.Len() != 0 {
			l.t.Errorf("%s: the packet has changed, or there are fragments of it", why)
		}
		l.c.Put(f)
	}
	for _, g := range out.Frames() {
		parts = append(parts, l.bytes(g))
		l.c.Put(g)
	}
	return parts, why
}

func TestIPv4IsCutAsARouterCutsIt(t *testing.T) {
	l := newLab(t)
	record, router, security := []byte{7, 3, 4}, []byte{0x94, 4, 0, 0}, []byte{0x82, 3, 9}
	options := append(append(append(bytes.Clone(record), optNop), append(router, security...)...), optEnd)
	for _, c := range []struct {
		name    string
		tags    int
		options []byte
		copied  []byte // of these, in later fragments
		place   uint16
		size, n int // bytes of payload, fragments
		longest int
	}{
		{"no more than it has to be", 0, nil, nil, 0, 1481, 2, 1514},
		{"into many", 0, nil, nil, 0, 20000, 35, 614},
		{"behind tags", 2, nil, nil, 0, 3000, 3, 1400},
		{"a fragment", 0, nil, nil, wire.IPv4MoreFragments | 100, 3000, 3, 1400},
		{"the last fragment", 0, nil, nil, 100, 3000, 3, 1400},
		{"options", 0, options, append(append(bytes.Clone(router), security...), optEnd), 0, 3000, 3, 1400},
		{"options that make no sense", 0, []byte{0x94, 90, 0, 0}, nil, 0, 3000, 3, 1400},
	} {
		pkt := innerIPv4(c.tags, c.options, c.place, c.size)
		l3 := 14 + 4*c.tags
		payload := pkt[l3+20+len(c.options):]
		parts, why := l.cutInner(append(bytes.Clone(pkt), 0, 0, 0), l3, c.longest) // and padding
		if why != Good || len(parts) != c.n {
			t.Errorf("%s: %s, %d fragments, want %d", c.name, why, len(parts), c.n)
			continue
		}
		at := 0
		for i, p := range parts {
			h := p[l3:]
			size := int(h[0]&15) * 4
			want := c.options
			if i > 0 {
				want = c.copied
			}
			place := binary.BigEndian.Uint16(h[wire.IPv4Fragment:])
			more := i < len(parts)-1 || c.place&wire.IPv4MoreFragments != 0
			switch {
			case len(p) > c.longest, !bytes.Equal(p[:l3], pkt[:l3]), int(binary.BigEndian.Uint16(h[wire.IPv4Length:])) != len(h):
				t.Errorf("%s: fragment %d is wrong: % x", c.name, i, p[:40])
			case wire.Checksum(h[:size]) != 0, h[wire.IPv4TOS] != 0x2e, h[wire.IPv4TTL] != 7, !bytes.Equal(h[4:6], pkt[l3+4:l3+6]):
				t.Errorf("%s: the header of fragment %d is wrong: % x", c.name, i, h[:size])
			case !bytes.Equal(h[20:size], want):
				t.Errorf("%s: fragment %d has options % x, want % x", c.name, i, h[20:size], want)
			case int(place&wire.IPv4FragOffset)*8 != int(c.place&wire.IPv4FragOffset)*8+at, place&wire.IPv4MoreFragments != 0 != more:
				t.Errorf("%s: fragment %d is at %#x", c.name, i, place)
			case !bytes.HasPrefix(payload[at:], h[size:]):
				t.Errorf("%s: fragment %d has other bytes", c.name, i)
			}
			at += len(h) - size
		}
		if at != len(payload) {
			t.Errorf("%s: %d bytes of %d are left", c.name, at, len(payload))
		}
	}
}

func TestWhatIsNoIPv4ThatMayBeCutIsNot(t *testing.T) {
	l := newLab(t)
	good := innerIPv4(0, nil, 0, 3000)
	for _, c := range []struct {
		name     string
		change   func(b []byte) []byte
		cuttable bool
		why      Reason
	}{
		{"nothing", func(b []byte) []byte { return b }, true, Good},
		{"one that says so", func(b []byte) []byte { b[20] = 0x40; return b }, false, Good},
		{"IPv6", func(b []byte) []byte { b[14] = 0x65; return b }, false, Good},
		{"another type", func(b []byte) []byte { b[13] = 6; return b }, false, Good},
		{"a header too short", func(b []byte) []byte { b[14] = 0x44; return b }, true, TooBig},
		{"less than its header", func(b []byte) []byte { b[16], b[17] = 0, 20; return b }, true, TooBig},
		{"a length beyond the packet", func(b []byte) []byte { return b[:len(b)-1] }, true, TooBig},
		{"a place beyond what a packet can have", func(b []byte) []byte { b[20], b[21] = 0x1f, 0xff; return b }, true, TooBig},
	} {
		pkt := c.change(bytes.Clone(good))
		if got := Cuttable(pkt, 14); got != c.cuttable {
			t.Errorf("%s: it may be cut: %t", c.name, got)
		}
		if !c.cuttable {
			continue
		}
		if _, why := l.cutInner(pkt, 14, 1400); why != c.why {
			t.Errorf("%s: %s, want %s", c.name, why, c.why)
		}
	}
	if Cuttable(good, 0) || Cuttable(good[:30], 14) {
		t.Error("a packet without a whole network header may be cut")
	}
	if _, why := l.cutInner(good, 14, 40); why != TooBig {
		t.Errorf("no room for payload: %s", why)
	}
	if _, why := l.cutInner(good, 14, 60); why != TooBig {
		t.Errorf("more than a batch takes: %s", why)
	}
}

// FuzzFragmentInner cuts any packet: what comes of it is of the size asked for, in order, and no buffer is lost.
func FuzzFragmentInner(f *testing.F) {
	f.Add(innerIPv4(0, nil, 0, 300), 14, 100)
	f.Add(innerIPv4(1, []byte{0x94, 4, 0, 0}, 9, 300), 18, 200)
	l := newLab(f)
	f.Fuzz(func(t *testing.T, pkt []byte, l3, longest int) {
		if len(pkt) > 65535 || l3 < 0 || l3 > 100 || longest < 0 || longest > 65535 || !Cuttable(pkt, l3) {
			return
		}
		l.t = t
		parts, _ := l.cutInner(pkt, l3, longest)
		at := 0
		for _, p := range parts {
			place := int(binary.BigEndian.Uint16(p[l3+wire.IPv4Fragment:])&wire.IPv4FragOffset) * 8
			if len(p) > longest || place < at {
				t.Errorf("%d bytes at %d, want %d at most, behind %d", len(p), place, longest, at)
			}
			at = place
		}
	})
}
