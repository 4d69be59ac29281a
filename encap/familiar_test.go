package encap

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// familiarOuters are headers that become familiar ones.
func familiarOuters() map[string]Outer {
	return map[string]Outer{
		"vxlan":            over4(Outer{Type: VXLAN, Key: 5}),
		"vxlan, a tag":     over4(Outer{Type: VXLAN, Key: 5, VLAN: 9}),
		"vxlan, a group":   over4(Outer{Type: VXLAN, Key: 5, HasGBP: true, GBP: GBP{ID: 7}}),
		"vxlan, TOS":       over4(Outer{Type: VXLAN, Key: 5, TOS: 0x28}),
		"geneve":           over4(Outer{Type: Geneve, Key: 5}),
		"vxlan over IPv6":  over6(Outer{Type: VXLAN, Key: 5, TOS: 0x28, Label: 3}),
		"geneve over IPv6": over6(Outer{Type: Geneve, Key: 5, VLAN: 9}),
	}
}

// A header that differs from a familiar one in any bit is dealt with as if none were known.
func TestAPacketFaresAlikeWhetherItsHeaderIsFamiliarOrNot(t *testing.T) {
	for name, o := range familiarOuters() {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			other := o
			other.Key = 6
			tunnels, others := l.tunnels(&o, &other), l.tunnels(&other)
			packet := l.push(&o, innerUDP(1, 30))
			size := len(packet) - len(innerUDP(1, 30))
			try := func(on *Tunnels, pkt []byte) {
				t.Helper()
				l.popper.familiar = [familiarHeaders]familiar{}
				want := l.pop(on, pkt)
				l.popper.familiar = [familiarHeaders]familiar{}
				if l.pop(tunnels, packet); l.popper.Popped != 1 {
					t.Fatal("the packet does not come out of its tunnel")
				}
				if got := l.pop(on, pkt); !reflect.DeepEqual(got, want) {
					t.Errorf("% x:\ngot  %+v\nwant %+v", pkt[:size], got, want)
				}
			}
			for bit := range size * 8 {
				pkt := bytes.Clone(packet)
				pkt[bit/8] ^= 1 << (bit % 8)
				try(tunnels, pkt)
				if o.Src.Is4() && o.VLAN == 0 {
					sumAgain(pkt)
					try(tunnels, pkt)
				}
			}
			for n := range len(packet) {
				try(tunnels, packet[:n])
			}
			try(tunnels, append(bytes.Clone(packet), 0))
			try(others, packet)
		})
	}
}

func TestHeadersOfABatchAreAlikeWhenAllAreTheSameFamiliarOne(t *testing.T) {
	for name, o := range familiarOuters() {
		l := newLab(t)
		o2 := o
		o2.Key++
		tunnels := l.tunnels(&o, &o2)
		first, second := l.push(&o, innerUDP(0, 30)), l.push(&o2, innerUDP(0, 30))
		want := l.pop(tunnels, first).block
		l.pop(tunnels, second)
		for _, c := range []struct {
			packets [][]byte
			alike   bool
		}{
			{[][]byte{first}, true},
			{[][]byte{first, first, first}, true},
			{[][]byte{first, second, first}, false},
			{[][]byte{first, innerUDP(0, 30)}, false},
			{[][]byte{innerUDP(0, 30)}, false},
			{[][]byte{append(bytes.Clone(first), 0), first}, false}, // has to be cut
		} {
			var fs []frame.Frame
			for _, packet := range c.packets {
				fs = append(fs, l.frame(packet))
			}
			l.popper.Pop(tunnels, fs)
			switch got := l.popper.Alike(); {
			case (got != nil) != c.alike:
				t.Errorf("%s: %d packets are alike: %t, want %t", name, len(fs), got != nil, c.alike)
			case c.alike && *got != want:
				t.Errorf("%s: headers are kept as\n% x, want\n% x", name, *got, want)
			}
			for _, f := range fs {
				l.c.Put(f)
			}
		}
	}
}
