package encap

import (
	"testing"

	"github.com/culvertdev/culvert/ring/frame"
)

// BenchmarkTunnel puts batches of packets into a tunnel and takes them out again: a pair of hosts with many flows between
// them. Pop is what push+pop takes more than push.
func BenchmarkTunnel(b *testing.B) {
	for _, c := range []struct {
		name string
		o    Outer
		size int // bytes of the inner packet
	}{
		{"vxlan-ipv4/64B", over4(Outer{Type: VXLAN, Key: 5, DontFragment: true}), 64},
		{"vxlan-ipv6/64B", over6(Outer{Type: VXLAN, Key: 5}), 64},
		{"geneve-ipv4-options/64B", over4(Outer{Type: Geneve, Key: 5, DontFragment: true, Options: []byte{1, 2, 3, 1, 9, 9, 9, 9}}), 64},
		{"gre-ipv4-key/64B", over4(Outer{Type: GRE, HasKey: true, Key: 5, DontFragment: true}), 64},
		{"vxlan-ipv4-checksum/1500B", over4(Outer{Type: VXLAN, Key: 5, Checksum: true, DontFragment: true}), 1500},
	} {
		b.Run("push/"+c.name, func(b *testing.B) { benchTunnel(b, &c.o, c.size, false) })
		b.Run("push+pop/"+c.name, func(b *testing.B) { benchTunnel(b, &c.o, c.size, true) })
	}
}

func benchTunnel(b *testing.B, o *Outer, size int, pop bool) {
	l := newLab(b)
	words, err := AppendStack(nil, o)
	if err != nil {
		b.Fatal(err)
	}
	tunnels := l.tunnels(o)
	var fs [32]frame.Frame
	var l3, l4 [32]uint16
	for i := range fs {
		inner := innerUDP(0, size-42)
		inner[35] = byte(i) // of the source port
		fs[i], l3[i], l4[i] = l.frame(inner), 14, 34
	}
	b.ReportAllocs()
	for b.Loop() {
		if l.pusher.Push(words, fs[:], l3[:], l4[:]) != 0 {
			b.Fatal("not pushed")
		}
		if !pop {
			for i := range fs {
				l.pool.Trim(&fs[i], o.Size())
			}
			continue
		}
		if l.popper.Pop(tunnels, fs[:]); l.popper.Popped != 1<<len(fs)-1 {
			b.Fatal("not popped")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(fs)), "ns/pkt")
	for _, f := range fs {
		l.c.Put(f)
	}
}

// BenchmarkLookup finds the tunnels of packets where tunnels that take any key or remote address stand beside others, so that
// the cache in front of several look-ups has to know it.
func BenchmarkLookup(b *testing.B) {
	l := newLab(b)
	o := over4(Outer{Type: VXLAN, Key: 5, DontFragment: true})
	tunnels, err := NewTunnels([]Address{{o.Dst, 0, macB}}, []Tunnel{{Port: 1, Type: VXLAN, AnyKey: true}, {Port: 2, Type: VXLAN, Key: 7, Remote: o.Src}, {Port: 3, Type: GRE, Key: 1}})
	if err != nil {
		b.Fatal(err)
	}
	words, err := AppendStack(nil, &o)
	if err != nil {
		b.Fatal(err)
	}
	fs, l3, l4 := []frame.Frame{l.frame(innerUDP(0, 22))}, []uint16{14}, []uint16{34}
	b.ReportAllocs()
	for b.Loop() {
		l.pusher.Push(words, fs, l3, l4)
		l.popper.Pop(tunnels, fs)
	}
	l.c.Put(fs[0])
}
