package encap

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// outerPacket returns a VXLAN packet with n bytes inside that may be cut into fragments.
func (l *lab) outerPacket(o Outer, n int) []byte {
	l.t.Helper()
	return l.push(&o, innerUDP(0, n))
}

// cut returns the fragments of pkt.
func (l *lab) cut(pkt []byte, mtu int) (out frame.Batch, why Reason) {
	l.t.Helper()
	return l.cutBy(NewCounters(), pkt, mtu)
}

// cutBy is cut with counters for identifications.
func (l *lab) cutBy(k *Counters, pkt []byte, mtu int) (out frame.Batch, why Reason) {
	l.t.Helper()
	f := l.frame(pkt)
	if why = Fragment(l.c, k, f, mtu, &out); why != Good {
		if !bytes.Equal(l.bytes(f), pkt) || out.Len() != 0 {
			l.t.Errorf("%s: the packet has changed, or there are fragments of it", why)
		}
		l.c.Put(f)
	}
	return out, why
}

func TestFragmentsArePutTogetherInAnyOrder(t *testing.T) {
	l := newLab(t)
	r := NewReassembler(l.c, 200)
	rng := rand.New(rand.NewPCG(1, 2))
	vxlan := Outer{Type: VXLAN, Key: 1, Checksum: true}
	tagged := vxlan
	tagged.VLAN = 100
	for _, o := range []Outer{over4(vxlan), over6(vxlan), over4(tagged), over6(tagged)} {
		for range 100 {
			pkt := l.outerPacket(o, 500+rng.IntN(20000))
			mtu := 500 + rng.IntN(9000)
			if len(pkt)-14 <= mtu {
				continue
			}
			out, why := l.cut(pkt, mtu)
			if why != Good {
				t.Fatalf("%d bytes, MTU %d: %s", len(pkt), mtu, why)
			}
			fs := out.Frames()
			for _, f := range fs {
				if n := l.pool.Total(f) - 14; n > mtu && (o.VLAN == 0 || n-4 > mtu) {
					t.Errorf("a fragment of %d bytes for an MTU of %d", n, mtu)
				}
			}
			rng.Shuffle(len(fs), func(i, j int) { fs[i], fs[j] = fs[j], fs[i] })
			if rng.IntN(2) == 0 { // one comes twice
				dup, _ := l.c.Copy(fs[0])
				_, ok := r.Add(dup, 1)
				if ok && len(fs) > 1 {
					t.Fatal("one fragment made a packet")
				}
			}
			for i, f := range fs {
				whole, ok := r.Add(f, 1)
				if ok != (i == len(fs)-1) {
					t.Fatalf("%d bytes, MTU %d: fragment %d of %d: whole is %t", len(pkt), mtu, i, len(fs), ok)
				}
				if !ok {
					continue
				}
				got := l.bytes(whole)
				if !bytes.Equal(got, pkt) {
					t.Fatalf("%d bytes, MTU %d: the packet has changed:\n%x\n%x", len(pkt), mtu, got[:80], pkt[:80])
				}
				l.c.Put(whole)
			}
		}
	}
	if r.Len() != 0 || r.held != 0 {
		t.Errorf("%d packets and %d buffers are left", r.Len(), r.held)
	}
}

func TestWhatMayNotBeCutIsNot(t *testing.T) {
	l := newLab(t)
	o := over4(Outer{Type: VXLAN})
	whole := l.outerPacket(o, 1400)
	o.DontFragment = true
	kept := l.outerPacket(o, 1400)
	piece, _ := l.cut(whole, 1000)
	later := l.bytes(piece.Frames()[1])
	l.c.PutBatch(&piece)
	for _, c := range []struct {
		name string
		pkt  []byte
		mtu  int
		want Reason
	}{
		{"a packet", whole, 1000, Good},
		{"one that says so", kept, 1000, TooBig},
		{"a fragment", later, 450, TooBig},
		{"fragments that are too small", whole, 419, TooBig},
		{"more fragments than a batch has room for", l.outerPacket(over6(Outer{Type: VXLAN}), 60000), 600, TooBig},
		{"ARP", append(make([]byte, 12), 0x08, 0x06, 0, 1, 8, 0), 600, TooBig},
		{"nothing", []byte{1}, 600, TooBig},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, why := l.cut(c.pkt, c.mtu)
			if why != c.want {
				t.Errorf("%s, want %s", why, c.want)
			}
			l.c.PutBatch(&out)
		})
	}
}

func TestFragmentsWithoutBuffersLeaveThePacket(t *testing.T) {
	l := newLab(t)
	f := l.frame(l.outerPacket(over4(Outer{Type: VXLAN}), 1400))
	var taken []frame.Frame
	for {
		g, ok := l.c.Get()
		if !ok {
			break
		}
		taken = append(taken, g)
	}
	l.c.Put(taken[0])
	var out frame.Batch
	if why := Fragment(l.c, new(Counters), f, 1000, &out); why != NoBuffer || out.Len() != 0 {
		t.Errorf("%s and %d fragments", why, out.Len())
	}
	l.c.Put(f)
	for _, g := range taken[1:] {
		l.c.Put(g)
	}
}

// A scriptPart is a fragment of a packet: offset and length of its payload in bytes, and whether others follow.
type scriptPart struct {
	at, n int
	more  bool
}

func TestFragmentsThatContradictEachOtherEndTheirPacket(t *testing.T) {
	for _, c := range []struct {
		name  string
		parts []scriptPart
		want  Reason // of the drops; Good: the packet is whole
		count uint64
	}{
		{"a packet in two", []scriptPart{{0, 1000, true}, {1000, 1000, false}}, Good, 0},
		{"the last one first", []scriptPart{{1000, 1000, false}, {0, 1000, true}}, Good, 0},
		{"one of them twice", []scriptPart{{0, 1000, true}, {0, 1000, true}, {1000, 1000, false}}, Good, 0},
		{"an overlap in front", []scriptPart{{1000, 1000, false}, {0, 1008, true}}, FragmentOverlap, 2},
		{"an overlap behind", []scriptPart{{0, 1000, true}, {992, 1008, false}}, FragmentOverlap, 2},
		{"one within another", []scriptPart{{0, 1600, true}, {800, 400, true}}, FragmentOverlap, 2},
		{"the same start, another length", []scriptPart{{0, 1000, true}, {0, 992, true}}, FragmentOverlap, 2},
		{"two ends", []scriptPart{{1600, 400, false}, {1000, 400, false}}, BadFragment, 2},
		{"something behind the end", []scriptPart{{1000, 400, false}, {1600, 400, true}}, BadFragment, 2},
		{"something behind the end before it", []scriptPart{{1600, 400, true}, {1000, 400, false}}, BadFragment, 2},
		{"a length that is no multiple of 8", []scriptPart{{0, 1001, true}}, BadFragment, 1},
		{"no payload", []scriptPart{{0, 0, true}}, BadFragment, 1},
		{"small ones", []scriptPart{{0, 392, true}}, FragmentSmall, 1},
		{"beyond what a packet has", []scriptPart{{65528, 800, true}}, BadFragment, 1},
		{"what follows an overlap", []scriptPart{{0, 1000, true}, {992, 1000, true}, {0, 1000, true}, {1000, 1000, false}}, FragmentOverlap, 4},
		{"what follows two ends", []scriptPart{{1600, 400, false}, {1000, 400, false}, {0, 1000, true}}, BadFragment, 3},
	} {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/ipv6 %t", c.name, v6), func(t *testing.T) {
				l := newLab(t)
				r := NewReassembler(l.c, 64)
				defer r.Close()
				whole := false
				for _, p := range c.parts {
					if f, ok := r.Add(l.frame(fragmentBytes(v6, 7, 1, p, 0)), 1); ok {
						whole = true
						l.c.Put(f)
					}
				}
				if whole != (c.want == Good) {
					t.Errorf("whole is %t", whole)
				}
				if got := r.Drops(c.want); got != c.count {
					t.Errorf("%d drops for %s, want %d", got, c.want, c.count)
				}
			})
		}
	}
}

func TestCongestionOnOneFragmentIsOnThePacket(t *testing.T) {
	for _, c := range []struct {
		first, second, want uint8
		drop                bool
	}{
		{notECT, notECT, notECT, false},
		{ect0, ect0, ect0, false},
		{ect0, ce, ce, false},
		{ce, ect1, ce, false},
		{ce, ce, ce, false},
		{ect1, ect0, ect1, false},
		{notECT, ce, 0, true},
	} {
		l := newLab(t)
		r := NewReassembler(l.c, 64)
		r.Add(l.frame(fragmentBytes(false, 7, 1, scriptPart{0, 1000, true}, c.first)), 1)
		f, ok := r.Add(l.frame(fragmentBytes(false, 7, 1, scriptPart{1000, 1000, false}, c.second)), 1)
		if ok == c.drop {
			t.Fatalf("%d and %d: whole is %t", c.first, c.second, ok)
		}
		if !ok {
			if r.Drops(ECNLost) != 2 {
				t.Errorf("%d drops", r.Drops(ECNLost))
			}
			continue
		}
		if got := l.bytes(f)[15]; got != c.want {
			t.Errorf("%d and %d make %d, want %d", c.first, c.second, got, c.want)
		}
		l.c.Put(f)
	}
}
