package encap

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// FuzzPop gives a Popper any bytes, whole and in a chain: what it does not take stays as it is, what it takes lies within
// the packet, and nothing panics.
func FuzzPop(f *testing.F) {
	l := newLab(f)
	for _, s := range shapes {
		for _, o := range []Outer{over4(s.outer), over6(s.outer)} {
			f.Add(l.push(&o, innerUDP(0, 50)), false)
			f.Add(l.push(&o, innerUDP(3, 3000)), true)
		}
	}
	var list []Tunnel
	for t := NoType + 1; t < NumTypes; t++ {
		if t != NVGRE {
			list = append(list, Tunnel{Port: uint32(t), Type: t, AnyKey: true, ZeroChecksum6: true})
		}
	}
	list = append(list, Tunnel{Port: 20, Type: VXLAN, UDPPort: 4790, AnyKey: true, GPE: true},
		Tunnel{Port: 21, Type: VXLAN, Key: 7, GBP: true, Local: addr4b}, Tunnel{Port: 22, Type: NVGRE, Key: 0x123456})
	tunnels, err := NewTunnels([]Address{{addr4b, 0, macB}, {addr6b, 0, macB}}, list)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, pkt []byte, partial bool) {
		if len(pkt) > 65535 {
			return
		}
		l.t = t
		l.popper.Partial = partial
		fs := []frame.Frame{l.frame(pkt)}
		l.popper.Pop(tunnels, fs)
		defer l.c.Put(fs[0])
		got := l.bytes(fs[0])
		x := l.popper
		switch {
		case x.Popped|x.Dropped|x.Fragments > 1 || x.Popped&x.Dropped != 0:
			t.Fatalf("popped %b, dropped %b, fragments %b", x.Popped, x.Dropped, x.Fragments)
		case x.Dropped != 0:
			if x.Why[0] == Good || x.Why[0] >= NumReasons {
				t.Errorf("dropped: %d", x.Why[0])
			}
		case x.Popped == 0:
			if !bytes.Equal(got, pkt) {
				t.Error("a packet that is of no tunnel has changed")
			}
		case len(got) < 14 || len(got) > len(pkt)-14-20-4:
			t.Errorf("%d bytes of %d are left", len(got), len(pkt))
		default:
			if checkOptions(frame.TunnelOptionsOf(l.pool.Tunnel(fs[0]))) != nil {
				t.Error("the options do not add up")
			}
		}
	})
}

// FuzzStack reads any words as a header stack. What is taken for one is one: it is made again word by word, pushes, and is
// popped as it was.
func FuzzStack(f *testing.F) {
	l := newLab(f)
	for _, s := range shapes {
		for _, o := range []Outer{over4(s.outer), over6(s.outer)} {
			words, err := AppendStack(nil, &o)
			if err != nil {
				f.Fatal(err)
			}
			var b []byte
			for _, w := range words {
				b = binary.BigEndian.AppendUint64(b, w)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var words []uint64
		for ; len(b) >= 8; b = b[8:] {
			words = append(words, binary.BigEndian.Uint64(b))
		}
		o, err := ReadStack(words)
		if err != nil {
			return
		}
		again, err := AppendStack(nil, &o)
		if err != nil || !slices.Equal(again, words) {
			t.Fatalf("%+v: %v\n%x\n%x", o, err, words, again)
		}
		l.t = t
		if o.Dst.IsMulticast() {
			o.DstMAC = wire.GroupMAC(o.Dst)
		}
		inner := innerUDP(0, 33)
		got := l.pop(l.tunnels(&o), l.push(&o, inner))
		if got.port != 1 || !bytes.Equal(got.inner, inner) {
			t.Errorf("%+v: port %d, %s", o, got.port, got.why)
		}
	})
}

// FuzzOptions builds GENEVE packets of any options: what AppendStack takes a Popper takes, and the other way round.
func FuzzOptions(f *testing.F) {
	l := newLab(f)
	f.Add([]byte{1, 2, 3, 1, 9, 9, 9, 9})
	f.Add(fullOptions())
	f.Add([]byte{1, 2, 0x83, 31})
	o := over4(Outer{Type: Geneve})
	tunnels := l.tunnels(&o)
	f.Fuzz(func(t *testing.T, options []byte) {
		if len(options) > MaxOptions || len(options)%4 != 0 {
			return
		}
		l.t = t
		pkt := l.push(&o, innerUDP(0, 5))
		raw := append(append(bytes.Clone(pkt[:50]), options...), pkt[50:]...)
		raw[42] = uint8(len(options) / 4)
		binary.BigEndian.PutUint16(raw[16:], uint16(len(raw)-14))
		sumAgain(raw)
		binary.BigEndian.PutUint16(raw[38:], uint16(len(raw)-34))
		got := l.pop(tunnels, raw)
		with := o
		with.Options = options
		if ok := with.Check() == nil; ok != (got.why == Good) {
			t.Fatalf("they are good: %t; popped: %s", ok, got.why)
		}
		if got.why == Good && !bytes.Equal(got.options, options) {
			t.Errorf("options %x became %x", options, got.options)
		}
	})
}
