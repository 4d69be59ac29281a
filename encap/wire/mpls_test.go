package wire

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
	"github.com/google/gopacket/layers"
)

// link returns a frame whose header, up to and with an EtherType, is as given, and what it carries.
func link(header []byte, payload ...byte) []byte {
	return append(append(make([]byte, EthType), header...), payload...)
}

// withSNAP is the start of an 802.3 frame: a length, LLC and SNAP headers.
func withSNAP(length byte, typ ...byte) []byte {
	return append([]byte{0, length, 0xaa, 0xaa, 3, 0, 0, 0}, typ...)
}

// naivePush and naivePop are the obvious way to write PushMPLS and PopMPLS.
func naivePush(pkt []byte, at int, typ uint16, entry uint32) []byte {
	front := binary.BigEndian.AppendUint16(bytes.Clone(pkt[:at-2]), typ)
	return append(binary.BigEndian.AppendUint32(front, entry), pkt[at:]...)
}

func naivePop(pkt []byte, at int, typ uint16) []byte {
	front := binary.BigEndian.AppendUint16(bytes.Clone(pkt[:at-2]), typ)
	return append(front, pkt[at+MPLSSize:]...)
}

func TestLabelsArePushedAndPoppedBehindTheTags(t *testing.T) {
	const entry = 100<<12 | 5<<9 | 1<<8 | 64
	for _, tc := range []struct {
		name   string
		header []byte
		length int // where an 802.3 length is; 0: nowhere
	}{
		{"untagged", []byte{8, 0}, 0},
		{"tagged", []byte{0x81, 0, 0, 5, 8, 0}, 0},
		{"twice tagged", []byte{0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x86, 0xdd}, 0},
		{"SNAP", withSNAP(28, 8, 0), EthType},
		{"SNAP in a VLAN", append([]byte{0x81, 0, 0, 5}, withSNAP(28, 8, 0)...), EthType + VLANTagSize},
	} {
		for _, cut := range []int{1 << 16, 30} { // in one buffer, and in two
			pool, c := newTestPool(t)
			plain := link(tc.header, slices.Repeat([]byte{1, 2, 3, 4}, 5)...)
			at := EthType + len(tc.header)
			f := newChain(t, pool, c, plain, cut)
			want := [][]byte{plain}
			for i := range uint32(3) {
				if !PushMPLS(pool, &f, at, TypeMPLS, entry+i<<12) {
					t.Fatalf("%s: no room for label %d", tc.name, i)
				}
				next := naivePush(want[i], at, TypeMPLS, entry+i<<12)
				if tc.length != 0 {
					next[tc.length+1] += MPLSSize
				}
				want = append(want, next)
			}
			for i := 3; i > 0; i-- {
				if got := pool.AppendTo(nil, f); !bytes.Equal(got, want[i]) || !HasMPLS(pool.Bytes(f), at) {
					t.Errorf("%s, %d labels:\n got % x\nwant % x", tc.name, i, got, want[i])
				}
				typ := uint16(TypeMPLS)
				if i == 1 {
					typ = binary.BigEndian.Uint16(plain[at-2:])
				}
				if !PopMPLS(pool, &f, at, typ) {
					t.Errorf("%s: label %d is not there", tc.name, i)
				}
			}
			if got := pool.AppendTo(nil, f); !bytes.Equal(got, plain) || PopMPLS(pool, &f, at, 0) {
				t.Errorf("%s: in the end\n got % x\nwant % x", tc.name, got, plain)
			}
			for PushMPLS(pool, &f, at, TypeMPLSM, 1) { // until the headroom is used up
			}
			if got := pool.Headroom(f); got >= MPLSSize {
				t.Errorf("%s: push gave up with %d bytes of headroom", tc.name, got)
			}
			c.Put(f)
			closeTestPool(t, pool, c)
		}
	}
}

func TestLabelsMoveWhatIsLeftToTheReceiver(t *testing.T) {
	pool, c := newTestPool(t)
	defer closeTestPool(t, pool, c)
	f := newChain(t, pool, c, newRecipe(false, layers.IPProtocolTCP).build().b, 60)
	f.SetFlags(frame.HasOffload)
	want := frame.Offload{CsumStart: 34, CsumOffset: 16, HeaderLen: 54, GSO: frame.GSOTCPv4, Csum: frame.NeedsCsum}
	pool.Meta(f).Offload = want
	PushMPLS(pool, &f, EthernetSize, TypeMPLS, 1<<8)
	if got := pool.Meta(f).Offload; got.CsumStart != 38 || got.HeaderLen != 58 {
		t.Errorf("after a push the offload is %+v", got)
	}
	PopMPLS(pool, &f, EthernetSize, TypeIPv4)
	if got := pool.Meta(f).Offload; got != want {
		t.Errorf("after push and pop the offload is %+v, want %+v", got, want)
	}
	c.Put(f)
}

func TestPayloadIsBehindAsManyTagsAsAreParsed(t *testing.T) {
	twice := link([]byte{0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0}, 1, 2, 3)
	for _, tc := range []struct {
		pkt        []byte
		tags, want int
	}{
		{twice, 0, 14}, {twice, 1, 18}, {twice, 2, 22}, {twice, 9, 22}, {twice[:21], 2, 18}, {twice[:17], 2, 14}, {twice[:14], 2, 14},
		{link([]byte{8, 6}), 2, 14},
	} {
		if got := Payload(tc.pkt, tc.tags); got != tc.want {
			t.Errorf("%d bytes, %d tags: %d, want %d", len(tc.pkt), tc.tags, got, tc.want)
		}
	}
}

// FuzzMPLS pushes and pops labels anywhere into anything: what comes out is what the naive twins make of
// it, and what cannot be done changes nothing.
func FuzzMPLS(f *testing.F) {
	f.Add(link([]byte{8, 0}, 0x45, 0), 14, uint16(TypeMPLS), uint32(1<<8))
	f.Add(link([]byte{0x88, 0x47}, 0, 0, 1, 64), 14, uint16(TypeIPv4), uint32(0))
	f.Add(link(withSNAP(8, 8, 0)), 22, uint16(TypeMPLSM), uint32(7))
	f.Fuzz(func(t *testing.T, pkt []byte, at int, typ uint16, entry uint32) {
		if len(pkt) > 1000 {
			return
		}
		pool, c := newTestPool(t)
		defer closeTestPool(t, pool, c)
		g := newChain(t, pool, c, pkt, 1<<16)
		want := pkt
		if HasMPLS(pkt, at) {
			want = naivePop(pkt, at, typ)
			lengthen(want[:at], -MPLSSize)
		}
		if PopMPLS(pool, &g, at, typ) != HasMPLS(pkt, at) || !bytes.Equal(pool.Bytes(g), want) {
			t.Errorf("pop at %d:\n got % x\nwant % x", at, pool.Bytes(g), want)
		}
		before := bytes.Clone(pool.Bytes(g))
		want = before
		can := at >= EthernetSize && at <= len(before)
		if can {
			want = naivePush(before, at, typ, entry)
			lengthen(want[:at], MPLSSize)
		}
		if PushMPLS(pool, &g, at, typ, entry) != can || !bytes.Equal(pool.Bytes(g), want) {
			t.Errorf("push at %d:\n got % x\nwant % x", at, pool.Bytes(g), want)
		}
		Payload(append(pkt, make([]byte, EthernetSize)...), at&3)
		c.Put(g)
	})
}
