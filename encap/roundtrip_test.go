package encap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

// A shape is an Outer without addresses, to be tried over both families.
type shape struct {
	name  string
	outer Outer
}

// shapes has every type with everything it may have.
var shapes = []shape{
	{"vxlan", Outer{Type: VXLAN, Key: 0xabcdef}},
	{"vxlan with a checksum", Outer{Type: VXLAN, Key: 1, Checksum: true}},
	{"vxlan with a group policy", Outer{Type: VXLAN, Key: 7, HasGBP: true, GBP: GBP{ID: 0x1234, Flags: 0x48}}},
	{"vxlan gpe", Outer{Type: VXLAN, Key: 9, GPE: true, DstPort: 4790}},
	{"vxlan from a fixed port that is not to be fragmented", Outer{Type: VXLAN, Key: 3, SrcPort: 4789, DontFragment: true}},
	{"geneve", Outer{Type: Geneve, Key: 0x10203}},
	{"geneve with options", Outer{Type: Geneve, Key: 5, OAM: true, Checksum: true, Options: []byte{1, 2, 3, 1, 0xa, 0xb, 0xc, 0xd, 1, 2, 4, 0}}},
	{"geneve with all the options it takes", Outer{Type: Geneve, Key: 6, Options: fullOptions()}},
	{"gre", Outer{Type: GRE}},
	{"gre with a key", Outer{Type: GRE, HasKey: true, Key: 0xfedcba98}},
	{"gre with everything", Outer{Type: GRE, HasKey: true, Key: 17, Checksum: true, Sequence: true, Counter: 3}},
	{"nvgre", Outer{Type: NVGRE, Key: 0x123456}},
	{"erspan type I", Outer{Type: ERSPAN}},
	{"erspan type II", Outer{Type: ERSPAN, Key: 1023, ERSPAN: Span{Version: 1, Index: 0xabcde}}},
	{"erspan type III", Outer{Type: ERSPAN, Key: 5, ERSPAN: Span{Version: 2, HWID: 0x2b, Egress: true}}},
}

// fullOptions returns MaxOptions bytes of options: two of 128 and 124 bytes.
func fullOptions() []byte {
	b := make([]byte, MaxOptions)
	copy(b, []byte{1, 2, 3, 31})
	copy(b[128:], []byte{1, 2, 4, 30})
	for i := 4; i < 128; i++ {
		b[i] = byte(i)
	}
	return b
}

// eachShape runs f for every shape over both families, with and without a VLAN tag in the underlay.
func eachShape(t *testing.T, f func(t *testing.T, o Outer)) {
	for _, s := range shapes {
		for _, vlan := range []uint16{0, 0x6064} {
			o := s.outer
			o.VLAN = vlan
			t.Run(fmt.Sprintf("%s/vlan %d/ipv4", s.name, vlan), func(t *testing.T) { f(t, over4(o)) })
			o.DontFragment = false
			t.Run(fmt.Sprintf("%s/vlan %d/ipv6", s.name, vlan), func(t *testing.T) { f(t, over6(o)) })
		}
	}
}

func TestWhatIsPushedIsPoppedAsItWas(t *testing.T) {
	l := newLab(t)
	eachShape(t, func(t *testing.T, o Outer) {
		for _, n := range []int{0, 1, 18, 1400, 1401, 4000} {
			inner := innerUDP(0, n)
			pkt := l.push(&o, inner)
			if len(pkt) != len(inner)+o.Size() {
				t.Fatalf("%d bytes became %d, want %d more", len(inner), len(pkt), o.Size())
			}
			got := l.pop(l.tunnels(&o), pkt)
			if got.port != 1 || got.why != Good {
				t.Fatalf("payload of %d bytes: port %d, reason %s", n, got.port, got.why)
			}
			if !bytes.Equal(got.inner, inner) {
				t.Fatalf("payload of %d bytes: the inner packet has changed:\n%x\n%x", n, got.inner, inner)
			}
			checkMetadata(t, &o, &got)
		}
	})
}

// checkMetadata compares what is known of the outer headers with the Outer they are of.
func checkMetadata(t *testing.T, o *Outer, got *popped) {
	t.Helper()
	var want [MetaBlock]byte
	be := binary.BigEndian
	be.PutUint64(want[MetaKey:], uint64(o.Key))
	if o.Src.Is4() {
		copy(want[MetaSrc:], o.Src.AsSlice())
		copy(want[MetaDst:], o.Dst.AsSlice())
	} else {
		copy(want[MetaSrc6:], o.Src.AsSlice())
		copy(want[MetaDst6:], o.Dst.AsSlice())
	}
	word := o.ERSPAN.Index<<12 | uint32(o.ERSPAN.Version)<<8 | uint32(o.ERSPAN.HWID)<<2
	if o.ERSPAN.Egress {
		word |= 2
	}
	if o.OAM {
		word |= 1
	}
	be.PutUint32(want[MetaBits:], word)
	be.PutUint16(want[MetaGBP:], o.GBP.ID)
	want[MetaGBPFlags] = o.GBP.Flags
	want[MetaTOS] = o.TOS
	if got.block != want {
		t.Errorf("metadata:\n%x, want\n%x", got.block, want)
	}
	if !bytes.Equal(got.options, o.Options) {
		t.Errorf("options %x, want %x", got.options, o.Options)
	}
}

func TestStacksAreReadAsTheyWereWritten(t *testing.T) {
	eachShape(t, func(t *testing.T, o Outer) {
		words, err := AppendStack(nil, &o)
		if err != nil {
			t.Fatal(err)
		}
		if len(words) > MaxWords {
			t.Errorf("%d words, more than %d", len(words), MaxWords)
		}
		if size, ok := StackSize(words); !ok || size != o.Size() {
			t.Errorf("size %d, %t, want %d", size, ok, o.Size())
		}
		back, err := ReadStack(words)
		if err != nil {
			t.Fatal(err)
		}
		if o.DstPort == 0 {
			o.DstPort = o.Type.Port()
		}
		if got, want := fmt.Sprintf("%+v", back), fmt.Sprintf("%+v", o); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}
