package encap

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// Batches in which all packets but one have the same familiar header, and that one differs in one bit: each packet fares
// as it does alone.
func TestAPacketThatIsNotLikeTheRestOfItsBatchFaresAsItDoesAlone(t *testing.T) {
	for name, o := range familiarOuters() {
		for ecn := range uint8(2) { // with ECT(1) no header becomes familiar
			t.Run(fmt.Sprint(name, ", ECN ", ecn), func(t *testing.T) { fareAsAlone(t, o, ecn) })
		}
	}
}

func fareAsAlone(t *testing.T, o Outer, ecn uint8) {
	l := newLab(t)
	other := o
	other.Key = 6
	tunnels := l.tunnels(&o, &other)
	packet := l.push(&o, innerUDP(ecn, 30))
	size := len(packet) - len(innerUDP(ecn, 30))
	l.pop(tunnels, packet)
	plain := l.pop(tunnels, packet)
	try := func(pkt []byte) {
		t.Helper()
		was := l.popper.familiar
		l.popper.familiar = [familiarHeaders]familiar{}
		want := l.pop(tunnels, pkt)
		l.popper.familiar = was
		for at := range 3 {
			fs := []frame.Frame{l.frame(packet), l.frame(packet), l.frame(packet)}
			l.c.Put(fs[at])
			fs[at] = l.frame(pkt)
			l.popper.Pop(tunnels, fs)
			for i, f := range fs {
				expect := plain
				if i == at {
					expect = want
				}
				if got := l.popped(i, f); !reflect.DeepEqual(got, expect) {
					t.Fatalf("packet %d, at %d, % x:\ngot  %+v\nwant %+v", i, at, pkt[:min(size, len(pkt))], got, expect)
				}
				l.c.Put(f)
			}
		}
	}
	for bit := range size * 8 {
		pkt := bytes.Clone(packet)
		pkt[bit/8] ^= 1 << (bit % 8)
		try(pkt)
		if o.Src.Is4() && o.VLAN == 0 {
			sumAgain(pkt)
			try(pkt)
		}
	}
	for n := range len(packet) {
		try(packet[:n])
	}
	try(append(bytes.Clone(packet), 0))
	try(l.push(&o, innerUDP(ecn, 40)))
}

func TestFramesOfABatchThatIsAlikeAreBareUntilTheyAreGivenWhatIsKept(t *testing.T) {
	for name, o := range familiarOuters() {
		l := newLab(t)
		tunnels, packet := l.tunnels(&o), l.push(&o, innerUDP(0, 30))
		want := l.pop(tunnels, packet)
		fs := []frame.Frame{l.frame(packet), l.frame(packet)}
		l.popper.PopBare(tunnels, fs)
		kept := l.popper.Alike()
		if kept == nil || l.popper.Popped != 3 || fs[0].Flags()|fs[1].Flags() != 0 {
			t.Fatalf("%s: popped %b, flags %b and %b", name, l.popper.Popped, fs[0].Flags(), fs[1].Flags())
		}
		l.pool.KeepTunnel(fs, kept)
		for i, f := range fs {
			if got := l.popped(i, f); !reflect.DeepEqual(got, want) || f.Flags() != frame.HasTunnel {
				t.Errorf("%s: packet %d\ngot  %+v, flags %b\nwant %+v", name, i, got, f.Flags(), want)
			}
			l.c.Put(f)
		}
		l.popper.PopBare(tunnels, nil)
		if l.popper.Alike() != nil {
			t.Errorf("%s: no packets, and they are alike", name)
		}
	}
}

// A frame without room for what is kept of its outer headers is none of those that are taken together.
func TestABatchWithAFrameThatHasNoHeadroomIsNotAlike(t *testing.T) {
	l := newLab(t)
	o := over4(Outer{Type: VXLAN, Key: 5})
	tunnels, packet := l.tunnels(&o), l.push(&o, innerUDP(0, 30))
	l.pop(tunnels, packet)
	fs := []frame.Frame{l.frame(packet), l.frame(packet)}
	tight := l.pool.At(fs[1].Off()-200, len(packet))
	copy(l.pool.Bytes(tight), packet)
	fs[1] = tight
	l.popper.PopBare(tunnels, fs)
	if x := l.popper; x.Alike() != nil || x.Popped != 1 || x.Dropped != 2 || x.Why[1] != NoHeadroom {
		t.Errorf("popped %b, dropped %b: %s", x.Popped, x.Dropped, x.Why[1])
	}
	for _, f := range fs {
		l.c.Put(f)
	}
}
