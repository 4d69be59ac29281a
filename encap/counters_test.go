package encap

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/culvertdev/culvert/encap/wire"
)

// ident returns the identification of the next packet of l over IPv4, or of the next one's fragments over IPv6.
func (l *lab) ident(o *Outer) uint32 {
	l.t.Helper()
	pkt := l.push(o, innerUDP(0, 1400))
	if o.Src.Is4() {
		return uint32(binary.BigEndian.Uint16(pkt[wire.EthernetSize+wire.IPv4ID:]))
	}
	out, why := l.cutBy(l.pusher.Counters, pkt, 1000)
	if why != Good {
		l.t.Fatal(why)
	}
	f := out.Frames()[0]
	id := binary.BigEndian.Uint32(l.pool.Bytes(f)[wire.EthernetSize+wire.IPv6Size+4:])
	for _, f := range out.Frames() {
		l.c.Put(f)
	}
	return id
}

// idents returns n identifications.
func (l *lab) idents(o *Outer, n int) (ids []uint32) {
	for range n {
		ids = append(ids, l.ident(o))
	}
	return ids
}

// linear reports whether numbers go on as they have begun, cut to the bits of full.
func linear(ids []uint32, full uint32) bool {
	for i := 2; i < len(ids); i++ {
		if (ids[i]-ids[i-1])&full != (ids[1]-ids[0])&full {
			return false
		}
	}
	return true
}

// TestWhoGetsIdentificationsKnowsNoneOfOthers: as who knows how those go on that are for itself would if all were of one
// sequence, or of several with one step.
func TestWhoGetsIdentificationsKnowsNoneOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		o          Outer
		other      netip.Addr
		otherProto Type
		full       uint32
	}{
		"IPv4": {over4(Outer{Type: VXLAN}), netip.MustParseAddr("192.0.2.77"), GRE, 0xffff},
		"IPv6": {over6(Outer{Type: VXLAN}), netip.MustParseAddr("2001:db8::77"), GRE, 0xffffffff},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			dst, src, proto := c.o, c.o, c.o
			dst.Dst, src.Src, proto.Type = c.other, c.other, c.otherProto
			guessed := 0
			for range 50 {
				l.pusher.Counters = NewCounters()
				var all [][]uint32
				for _, o := range []*Outer{&c.o, &dst, &src, &proto} {
					ids := l.idents(o, 4)
					if !linear(ids, c.full) {
						t.Fatalf("%x: one comes again before its time", ids)
					}
					for _, known := range all {
						step := (known[1] - known[0]) & c.full
						if (ids[1]-ids[0])&c.full == step || (ids[0]-known[3])&c.full == step || ids[0] == known[0] {
							guessed++
						}
					}
					all = append(all, ids)
				}
			}
			if guessed > 3 { // of 300; by chance one in 13 000, or fewer
				t.Errorf("from other identifications %d of 300 were known", guessed)
			}
		})
	}
}

func TestPacketsToOthersUseUpNoIdentifications(t *testing.T) {
	l := newLab(t)
	l.pusher.Counters = NewCounters()
	counter := func(o *Outer) *atomic.Uint32 {
		words, err := AppendStack(nil, o)
		if err != nil {
			t.Fatal(err)
		}
		return l.pusher.Counters.identityOf(words).counter
	}
	o := over4(Outer{Type: VXLAN})
	ids, others := l.idents(&o, 2), o
	for i := range 20 {
		others.Dst = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		if counter(&others) != counter(&o) { // as with one of 1024 it may be
			l.ident(&others)
		}
	}
	if ids = append(ids, l.ident(&o)); !linear(ids, 0xffff) {
		t.Errorf("%x: packets to others count", ids)
	}
}

func BenchmarkIdentity(b *testing.B) {
	k := NewCounters()
	ip := make([]byte, wire.IPv4Size)
	ip[0] = 0x45
	for b.Loop() {
		k.identity(ip).take(32)
	}
}
