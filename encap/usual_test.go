package encap

import (
	"encoding/binary"
	"math/bits"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
	"github.com/culvertdev/culvert/ring/frame"
)

// TestUsualPacketsArePushedInOneGo says which packets the fast way takes, where there is one: those that are as most are, and no others. What it
// makes of them is held against its twin by TestPushedPacketsAreWhatTheirTwinMakes.
func TestUsualPacketsArePushedInOneGo(t *testing.T) {
	if !pushesUsual {
		t.Skip("this build has no assembly: its twin does all")
	}
	plain := func() []byte { return innerUDP(0, 20) }
	changed := func(at int, to byte) func() []byte {
		return func() []byte {
			b := plain()
			b[at] = to
			return b
		}
	}
	tagged := append(append(append([]byte{}, plain()[:12]...), 0x81, 0, 0, 5), plain()[12:]...)
	for _, c := range []struct {
		name   string
		inner  func() []byte
		change func(l *lab, f *frame.Frame)
		usual  bool
	}{
		{"UDP", plain, nil, true},
		{"TCP", func() []byte { return innerTCP(false, 9) }, nil, true},
		{"behind a tag", func() []byte { return tagged }, nil, true},
		{"with a type of service", changed(15, 0xb8), nil, true},
		{"no more than the ports", func() []byte { return plain()[:38] }, nil, true},
		{"cut off in the ports", func() []byte { return plain()[:37] }, nil, false},
		{"with a congestion mark", changed(15, ce), nil, false},
		{"a first fragment", changed(14+wire.IPv4Fragment, 0x20), nil, false},
		{"a later fragment", changed(14+wire.IPv4Fragment+1, 1), nil, false},
		{"IPv6", func() []byte { return innerTCP(true, 9) }, nil, false},
		{"with options", changed(14, 0x46), nil, false},
		{"ARP", changed(13, 6), nil, false},
		{"in two buffers", func() []byte { return innerUDP(0, 3000) }, nil, false},
		{"out of a tunnel", plain, func(_ *lab, f *frame.Frame) { f.SetFlags(frame.HasTunnel) }, false},
		{"without headroom", plain, func(l *lab, f *frame.Frame) { l.pool.Prepend(f, frame.Headroom-49) }, false},
		{"with just enough", plain, func(l *lab, f *frame.Frame) {
			*f = l.pool.At(f.Off()&^uint32(l.pool.BufferSize()-1)+50, f.Len())
			copy(l.pool.Bytes(*f), plain())
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			o := over4(Outer{Type: VXLAN, Key: 5, DontFragment: true})
			words, err := AppendStack(nil, &o)
			if err != nil {
				t.Fatal(err)
			}
			inner := c.inner()
			f := l.frame(inner)
			if c.change != nil {
				c.change(l, &f)
			}
			l3, l4 := places(inner)
			fs := []frame.Frame{f}
			u := l.pusher
			u.d, u.frames, u.l3, u.l4 = descriptor(words[0]), fs, []uint16{l3}, []uint16{l4}
			writeStack(u.stack[:u.d.size()], words[1:])
			done := u.usual()
			if (done == 1) != c.usual || done > 1 {
				t.Errorf("done: %b", done)
			}
			if done == 0 && fs[0] != f {
				t.Errorf("a frame that is left has changed")
			}
			if done == 1 && binary.BigEndian.Uint16(l.pool.Bytes(fs[0])[12:]) != wire.TypeIPv4 {
				t.Errorf("the packet does not begin with the stack: %x", l.pool.Bytes(fs[0]))
			}
			l.c.Put(fs[0])
		})
	}
}

// TestABatchWithOneOddPacketIsUsualButForIt: a bit for each, to the last.
func TestABatchWithOneOddPacketIsUsualButForIt(t *testing.T) {
	if !pushesUsual {
		t.Skip("this build has no assembly: its twin does all")
	}
	l := newLab(t)
	o := over4(Outer{Type: Geneve, Key: 5, DontFragment: true})
	words, err := AppendStack(nil, &o)
	if err != nil {
		t.Fatal(err)
	}
	for odd := range frame.MaxBatch {
		var fs []frame.Frame
		var l3s, l4s []uint16
		for i := range frame.MaxBatch {
			b := innerUDP(0, 20)
			if i == odd {
				b[15] = ce
			}
			l3, l4 := places(b)
			fs, l3s, l4s = append(fs, l.frame(b)), append(l3s, l3), append(l4s, l4)
		}
		u := l.pusher
		u.d, u.frames, u.l3, u.l4 = descriptor(words[0]), fs, l3s, l4s
		writeStack(u.stack[:u.d.size()], words[1:])
		if done := u.usual(); ^done != 1<<odd {
			t.Errorf("packet %d is odd, and %d are left, first %d", odd, bits.OnesCount64(^done), bits.TrailingZeros64(^done))
		}
		for _, f := range fs {
			l.c.Put(f)
		}
	}
}
